// Package settle follows money between chains until it has arrived: deposits and their claims, withdrawals, atomic
// swaps (protocol.md sections 4 to 6). A Book keeps what was agreed, signed or seen; where something stands is never
// kept but follows from that: so a reorganisation or a crash at any moment leaves nothing to repair, and the same
// question asked twice has the same answer.
//
// The caller tells a Book what is in the chains (Apply, Rewind, Scanned, Unconfirmed, Sends) and asks it what is to be done
// (Step). Whatever Step returns is on disk before it returns, and is safe to send again.
//
// The package reads no clock, draws no random number, opens no file and no connection, and holds no key: a Keys is
// passed to each call that signs. It judges no block: that a transaction is in a block of the best chain was proved
// before Apply is called. Unconfirmed transactions are believed in one thing only: a secret that they show. They are
// forgotten once nobody has spoken of them for Patience blocks: most of them can never come any more, and nobody says so. One Book
// is for one goroutine.
package settle
