// Package words finds which of many words stand in a text, in one pass over it (Aho and Corasick, 1975).
package words

// Set is the words, made ready to look for.
type Set struct {
	numbers map[string]int
	classes [256]uint8 // bytes that no word has are all of class 0
	width   int
	next    []uint32 // by state and class
	ends    [][]int  // by state: the words that end there
}

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
	return s
}

// build makes the tree of the words, and then the ways from each state by each class: into the tree where it goes on, or else to the
// state of the longest end of what was read that some word begins with.
func (s *Set) build(list []string) {
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
	s.next = append(s.next, make([]uint32, s.width)...)
	s.ends = append(s.ends, nil)
	return len(s.ends) - 1
}

// In looks through a text.
func (s *Set) In(text []byte) Found {
	found := make(Found, (len(s.numbers)+63)/64)
	state := uint32(0)
	width := uint32(s.width)
	for _, b := range text {
		state = s.next[state*width+uint32(s.classes[b])]
		for _, number := range s.ends[state] {
			found[number/64] |= 1 << (number % 64)
		}
	}
	return found
}

// Has reports whether one of the words was found. A word that the set does not have is a mistake of the caller: it panics.
func (s *Set) Has(found Found, list ...string) bool {
	for _, word := range list {
		number, known := s.numbers[word]
		if !known {
			panic("words: " + word + " is not in the set")
		}
		if found != nil && found[number/64]&(1<<(number%64)) != 0 {
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
