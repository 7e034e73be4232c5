//go:build !amd64

package pow

// mixers lists the implementations that this processor runs, the fastest last.
var mixers = []*mixer{portable}
