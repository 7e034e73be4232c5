// Command lamina is the headless program: one file for each subcommand. It lists chains,
// verifies headers, proofs and blocks from files, follows a chain's headers, and looks after
// wallets, in this process or by the daemon that has them open. It holds no keys itself: it
// hands passwords and words on, and takes none from the command line. Only the commands that
// say so use the network or keep files. Results go to standard output, everything else to
// standard error; the exit code is 0 for verified or done, 1 for refuted or refused, 2 for
// input that cannot be read and for wrong usage.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
