// Package keystore holds a wallet's keys: recovery words (BIP39), the key tree below them (BIP32), the file that keeps
// them encrypted, and the signatures they make. What it lets out is public keys, signatures, the swap secrets of
// [Keyring.Secret] and, to be written down by the owner, the words of [Words.Reveal]; a private key never leaves.
//
// What differs between chains (coin type, version bytes) comes in as a [Net]. The package knows no transaction but what
// [Keyring.SignPSBT] is handed, decides nothing about what may be signed, and reads no clock: [Session] is told the
// time. It opens no connection; only file.go touches the disk.
//
// Secrets are overwritten after use as far as Go permits: copies that the runtime, the hash functions of the standard
// library or a caller's strings leave behind are out of reach. Types that hold a secret print as a fixed placeholder.
package keystore
