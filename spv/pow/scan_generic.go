//go:build !amd64

package pow

// scanners lists the implementations that this processor runs, the fastest last.
var scanners = []scanner{{"portable", scanPortable}}
