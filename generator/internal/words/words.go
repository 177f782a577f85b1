// Package words finds which of many words stand in a text, in one pass over it (Aho and Corasick, 1975).
package words

// Set is the words, made ready to look for.
type Set struct {
	numbers map[string]int
	classes [256]uint8 // bytes that no word has are all of class 0
	width   int
	next    []uint32 // by state and class
	ends    [][]int  // by state: the words that end there
	ways    []uint32 // next, as In takes it: the state as its place in ways, with end where a word ends
}

// end marks the way to a state in which a word ends. Few do, so few are looked up.
const end = 1 << 31

// Found says which words stand in a text, by their number.
type Found []uint64

// New makes a set; a word may come more than once.
func New(list []string) *Set {
	s := &Set{numbers: map[string]int{}, width: 1}
	var distinct []string
	for _, word := range list {
		if _, known := s.numbers[word]; known || word == "" {
			continue
		}
		s.numbers[word] = len(distinct)
		distinct = append(distinct, word)
		for i := range len(word) {
			if s.classes[word[i]] == 0 && s.width < 256 {
				s.classes[word[i]] = uint8(s.width)
				s.width++
			}
		}
	}
	s.build(distinct)
	s.ways = make([]uint32, len(s.next))
	for i, state := range s.next {
		s.ways[i] = state * uint32(s.width)
		if len(s.ends[state]) > 0 {
			s.ways[i] |= end
		}
	}
	return s
}

// build makes the tree of the words, and then the ways from each state by each class: into the tree where it goes on, or else to the
// state of the longest end of what was read that some word begins with.
func (s *Set) build(list []string) {
	states := 1
	for _, word := range list {
		states += len(word) // at most
	}
	s.next = make([]uint32, 0, states*s.width)
	s.state()
	for number, word := range list {
		state := 0
		for i := range len(word) {
			way := state*s.width + int(s.classes[word[i]])
			if s.next[way] == 0 {
				s.next[way] = uint32(s.state())
			}
			state = int(s.next[way])
		}
		s.ends[state] = append(s.ends[state], number)
	}
	fallback := make([]int, len(s.ends))
	queue := []int{0}
	for ; len(queue) > 0; queue = queue[1:] {
		state := queue[0]
		for class := range s.width {
			way := state*s.width + class
			target, other := int(s.next[way]), 0
			if state != 0 {
				other = int(s.next[fallback[state]*s.width+class])
			}
			if target == 0 {
				s.next[way] = uint32(other)
				continue
			}
			fallback[target] = other
			s.ends[target] = append(s.ends[target], s.ends[other]...)
			queue = append(queue, target)
		}
	}
}

// state adds one.
func (s *Set) state() int {
	s.next = s.next[:len(s.next)+s.width]
	s.ends = append(s.ends, nil)
	return len(s.ends) - 1
}

// In looks through a text.
func (s *Set) In(text []byte) Found {
	found := make(Found, (len(s.numbers)+63)/64)
	ways, at := s.ways, uint32(0)
	for _, b := range text {
		at = ways[at+uint32(s.classes[b])]
		if at&end == 0 {
			continue
		}
		at &^= end
		for _, number := range s.ends[at/uint32(s.width)] {
			found[number/64] |= 1 << (number % 64)
		}
	}
	return found
}

// Of is what In would find in a text of those words. A word that the set does not have is a mistake of the caller: it panics.
func (s *Set) Of(list ...string) Found {
	found := make(Found, (len(s.numbers)+63)/64)
	for _, word := range list {
		number, known := s.numbers[word]
		if !known {
			panic("words: " + word + " is not in the set")
		}
		found[number/64] |= 1 << (number % 64)
	}
	return found
}

// Meets reports whether both have a word.
func (f Found) Meets(other Found) bool {
	for i := range f {
		if f[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

// Add takes over what was found elsewhere.
func (f Found) Add(other Found) {
	for i := range other {
		f[i] |= other[i]
	}
}
