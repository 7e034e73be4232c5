package filter

import "golang.org/x/sys/cpu"

// hasLanes tells whether the processor hashes a whole block at once (AVX-512).
var hasLanes = cpu.X86.HasAVX512F

// sumLanes hashes the 16 messages of a block that begins with the given word. It needs
// hasLanes.
//
//go:noescape
func sumLanes(out *[lanes]uint64, state *sipState, block *uint64, width int)
