// Package descriptor reads and writes output script descriptors (BIP380) and derives the scripts they stand for: pk,
// pkh, sh (BIP381), wpkh, wsh (BIP382), multi, sortedmulti (BIP383), tr with a tree of scripts (BIP386), multi_a,
// sortedmulti_a (BIP387), with key origins, ranges and multipaths such as <0;1> (BIP389).
//
// Keys are public. A private key in a descriptor is refused, and never repeated in an error: what signs is a
// keystore.Keyring. For the same reason hardened steps are known in key origins only. The package knows no addresses
// and no transactions.
package descriptor
