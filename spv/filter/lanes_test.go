//go:build !amd64

package filter

func setLanes(bool) {}
