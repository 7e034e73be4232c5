// Command lamina is the headless program: one file for each subcommand. It lists chains,
// verifies headers, proofs and blocks from files, and follows a chain's headers. It holds
// no keys, and only the commands that say so use the network or keep files. Results go to standard output, everything else to
// standard error; the exit code is 0 for verified, 1 for refuted, 2 for input that cannot
// be read and for wrong usage.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
