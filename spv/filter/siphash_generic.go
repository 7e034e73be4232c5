//go:build !amd64

package filter

const hasLanes = false

func sumLanes(*[lanes]uint64, *sipState, *uint64, int) {
	panic("filter: no vector code on this processor")
}
