// Package risk calculates how safe a payment is on a chain whose work is borrowed, measures how much of the lender's work a
// layer really has, and raises alarms when what was measured no longer fits (protocol.md sections 9 and 10).
//
// It works on records that header verification leaves behind; nothing is downloaded for it. It is a function of values: no clock,
// no IO, no randomness. It never verifies a header or a proof (its input has been verified), never counts evidence
// as a confirmation, and never puts a price on an attack: who holds more work than the honest side keeps what he mines.
package risk
