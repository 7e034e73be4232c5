package pow

import "golang.org/x/sys/cpu"

// mixers lists the implementations that this processor and operating system run, the fastest last.
// x/sys/cpu reports AVX2 and AVX-512 only if the system also saves their registers.
var mixers = func() []*mixer {
	found := []*mixer{portable}
	if cpu.X86.HasAVX2 {
		found = append(found, newMixer("avx2", avx2Lanes, func(s *scratch) {
			s.toRows(avx2Lanes, 2)
			romixAVX2(&s.rows[0], &s.v[0])
			s.fromRows(avx2Lanes, 2)
		}))
	}
	if cpu.X86.HasAVX512F {
		found = append(found, newMixer("avx512", avx512Lanes, func(s *scratch) {
			s.toRows(avx512Lanes, 4)
			romixAVX512(&s.rows[0], &s.v[0])
			s.fromRows(avx512Lanes, 4)
		}))
	}
	return found
}()

const (
	avx2Lanes   = 6
	avx512Lanes = maxLanes
)

// romixAVX2 mixes the 6 states at rows in the order of toRows(6, 2); v has room for 6*1024 blocks.
//
//go:noescape
func romixAVX2(rows *uint32, v *block)

// romixAVX512 mixes the 16 states at rows in the order of toRows(16, 4); v has room for 16*1024 blocks.
//
//go:noescape
func romixAVX512(rows *uint32, v *block)

// rowIndex returns where the vector code keeps word w of a lane when a register is wide enough for width lanes: streams of
// width lanes; in each the rows of the low and of the high block; in each row four words of one diagonal for every lane.
func rowIndex(lane, w, width int) int {
	half, word := w/16, w%16
	// Row r has the words 5*c + 4*r (mod 16) for c = 0..3, hence word = c (mod 4).
	c := word % 4
	r := (word - 5*c + 16) / 4 % 4
	return ((lane/width*8+half*4+r)*width+lane%width)*4 + c
}

// rowTables hold rowIndex(0, w, width) for the two widths.
var rowTables = func() (tables [5][32]int) {
	for _, width := range []int{2, 4} {
		for w := range 32 {
			tables[width][w] = rowIndex(0, w, width)
		}
	}
	return tables
}()

// laneStart returns the index of word 0 of a lane; all its words follow at the offsets of word w of lane 0.
func laneStart(lane, width int) int { return lane/width*32*width + lane%width*4 }

func (s *scratch) toRows(lanes, width int) {
	table := &rowTables[width]
	for lane := range lanes {
		start := laneStart(lane, width)
		for w, at := range table {
			s.rows[start+at] = s.x[lane][w]
		}
	}
}

func (s *scratch) fromRows(lanes, width int) {
	table := &rowTables[width]
	for lane := range lanes {
		start := laneStart(lane, width)
		for w, at := range table {
			s.x[lane][w] = s.rows[start+at]
		}
	}
}
