// Package sample shows a light client, in less than a megabyte, that the history of a layer of a million blocks carries the work it claims,
// and verifies such a proof (the idea is FlyClient's, Bünz, Kiffer, Luu and Zamani, 2020; protocol.md sections 3.1 and 10).
//
// The newest block's coinbase commits to all headers before it in a Merkle mountain range whose nodes sum up work. The prover
// opens every block of a short tail, and below it blocks drawn at random by work: each with its merged-mining proof, its place in the range
// and the header before it, by which its difficulty, which a layer's schedule fixes absolutely, is judged. Draws halve their distance from the
// end: the work below the tail is divided into octaves, (1/2, 1], (1/4, 1/2], ... of the total counted from the end, one is chosen
// evenly, and in it a point evenly by work.
//
// # Soundness
//
// Let somebody claim a chain of which, after some point, less than half of the claimed work was ever done; blocks without
// work, of the wrong difficulty, or not built on the block before them are invalid. However he arranges them, one draw of K octaves hits an
// invalid block with a probability of at least 1/K: if A is the part of the claimed work behind that point, at least the
// part (A/2, A] from the end is worth of invalid work, valid blocks serve him best at the end, and any such interval has exactly the
// weight 1/K; an A too small for that has its invalid blocks in the tail. So m draws pass with a probability of at most (1-1/K)^m, and Draws
// makes that at most 2^-security.
//
// The draws depend on the verifier's salt, which must be random and unknown to the prover before his tip was mined. With a salt that
// he knew he can try again for the price of one block each time, and security must be chosen accordingly.
//
// A chain that passes is not thereby the best one: ask several peers, and prefer the most work. What lies between the drawn
// blocks is not shown, nor are the contents of any block, hence no anchors but the tip's. Median times are judged where the 11 headers below are
// at hand, that is in the tail.
//
// The package reads no clock, does no IO and has no randomness of its own.
package sample
