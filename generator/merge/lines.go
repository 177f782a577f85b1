package merge

import (
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// inserts says what becomes of two insertions in one place.
type inserts int

const (
	ifContained inserts = iota // the longer one is taken if it begins or ends with the other
	both                       // one after the other
	never                      // whatever differs is a conflict
)

// splitAt is how many lines two sides of a conflict must have in common for it to become two: fewer would tear it to shreds.
const splitAt = 3

// hunk is a change: lines of the base, and what stands in their place.
type hunk struct{ baseStart, baseEnd, start, end int }

func mergeLines(base, ours, theirs []byte, how inserts) Result {
	m := &lineMerge{dress: dressOf(ours), how: how}
	b, o, t := split(base), split(ours), split(theirs)
	clear(t.ends)
	left, right := hunks(b.keys, o.keys), hunks(b.keys, t.keys)
	at, atOurs, atTheirs := 0, 0, 0
	for len(left)+len(right) > 0 {
		low, high := len(b.keys)+1, 0
		for _, side := range [][]hunk{left, right} {
			if len(side) > 0 && side[0].baseStart < low {
				low, high = side[0].baseStart, side[0].baseEnd
			}
		}
		var lefts, rights []hunk
		for grown := true; grown; {
			grown = false
			for _, side := range []struct{ from, to *[]hunk }{{&left, &lefts}, {&right, &rights}} {
				for len(*side.from) > 0 && (*side.from)[0].baseStart <= high {
					high = max(high, (*side.from)[0].baseEnd)
					*side.to, *side.from = append(*side.to, (*side.from)[0]), (*side.from)[1:]
					grown = true
				}
			}
		}
		same := low - at
		m.take(o, atOurs, atOurs+same)
		atOurs, atTheirs = atOurs+same, atTheirs+same
		endOurs, endTheirs := atOurs+high-low+growth(lefts), atTheirs+high-low+growth(rights)
		switch {
		case len(rights) == 0:
			m.take(o, atOurs, endOurs)
		case len(lefts) == 0:
			m.take(t, atTheirs, endTheirs)
		default:
			m.settle(o, atOurs, endOurs, t, atTheirs, endTheirs, low == high)
		}
		at, atOurs, atTheirs = high, endOurs, endTheirs
	}
	m.take(o, atOurs, len(o.keys))
	return Result{Text: m.dress.dress(m.out.String()), Conflicts: m.conflicts}
}

// growth is by how many lines the changes lengthen the text.
func growth(hunks []hunk) (lines int) {
	for _, h := range hunks {
		lines += h.end - h.start - (h.baseEnd - h.baseStart)
	}
	return lines
}

func hunks(base, other []string) (result []hunk) {
	for _, d := range lcs.DiffLines(base, other) {
		result = append(result, hunk{d.Start, d.End, d.ReplStart, d.ReplEnd})
	}
	return result
}

// text is the lines of a text without their ends, by which they are compared, and the ends.
type text struct{ keys, ends []string }

func split(data []byte) (t text) {
	for line := range strings.Lines(strings.TrimPrefix(string(data), byteOrderMark)) {
		key := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		t.keys, t.ends = append(t.keys, key), append(t.ends, line[len(key):])
	}
	return t
}

// lineMerge is a merged text that grows from its beginning.
type lineMerge struct {
	dress     dress
	how       inserts
	out       strings.Builder
	conflicts int
}

// take adds lines; those without an end get the one that is usual in ours.
func (m *lineMerge) take(t text, from, to int) {
	for i := from; i < to; i++ {
		m.line(t.keys[i], t.ends[i])
	}
}

func (m *lineMerge) line(key, end string) {
	if !strings.HasSuffix(end, "\n") {
		end = m.dress.eol
	}
	m.out.WriteString(key)
	m.out.WriteString(end)
}

// settle writes what two changes of the same lines amount to.
func (m *lineMerge) settle(o text, from, to int, t text, tFrom, tTo int, inserted bool) {
	if m.how == both && inserted {
		m.take(o, from, to)
		for i := tFrom; i < tTo; i++ {
			if !slices.Contains(o.keys[from:to], t.keys[i]) {
				m.line(t.keys[i], "")
			}
		}
		return
	}
	for from < to && tFrom < tTo && o.keys[from] == t.keys[tFrom] {
		m.take(o, from, from+1)
		from, tFrom = from+1, tFrom+1
	}
	end, tEnd := to, tTo
	for from < end && tFrom < tEnd && o.keys[end-1] == t.keys[tEnd-1] {
		end, tEnd = end-1, tEnd-1
	}
	if inserted && m.how == ifContained && (from == end || tFrom == tEnd) {
		m.take(o, from, end)
		m.take(t, tFrom, tEnd)
	} else {
		m.mark(o, from, end, t, tFrom, tEnd)
	}
	m.take(o, end, to)
}

// mark writes a conflict, or several where the sides have much in common.
func (m *lineMerge) mark(o text, from, end int, t text, tFrom, tEnd int) {
	conflict := func(to, tTo int) {
		if from == to && tFrom == tTo {
			return
		}
		m.conflicts++
		m.line(markOurs, "")
		m.take(o, from, to)
		m.line(markMiddle, "")
		m.take(t, tFrom, tTo)
		m.line(markTheirs, "")
	}
	differences := hunks(o.keys[from:end], t.keys[tFrom:tEnd])
	first, tFirst := from, tFrom
	for i, h := range differences {
		if i+1 < len(differences) && differences[i+1].baseStart-h.baseEnd < splitAt {
			continue
		}
		to, tTo := first+h.baseEnd, tFirst+h.end
		conflict(to, tTo)
		next := end
		if i+1 < len(differences) {
			next = first + differences[i+1].baseStart
		}
		m.take(o, to, next)
		from, tFrom = next, tTo+next-to
	}
}
