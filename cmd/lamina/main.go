// Command lamina is the headless program. Today it lists chains and verifies headers,
// merged-mining proofs, merkle proofs and blocks from files. It does not use the network,
// keeps no state and holds no keys. Results go to standard output, everything else to
// standard error; the exit code is 0 for verified, 1 for refuted, 2 for input that cannot
// be read and for wrong usage.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
