// Package swap holds the rules of atomic swaps between chains (protocol.md section 5): the
// scripts of a leg in three forms, the witnesses that redeem or refund it, how the secret is
// found in a redemption, and the offers by which two parties agree, with the margins that
// keep an honest one safe.
//
// Everything is a function of values. The package holds no key, makes no secret, signs
// nothing and remembers nothing: that a hash is not used twice is for the wallet to see to.
package swap
