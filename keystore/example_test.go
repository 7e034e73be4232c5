package keystore_test

import (
	"fmt"

	"github.com/layeredpow/lamina/keystore"
)

// Words become a keyring, which gives out public keys and signs, and keeps the private ones.
// The words are those of BIP84's test vector.
func Example() {
	words, err := keystore.ParseWords("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about")
	if err != nil {
		panic(err)
	}
	keys, err := keystore.Open(words.Seed(nil))
	if err != nil {
		panic(err)
	}
	defer keys.Lock()

	net := keystore.Net{BIP32Pub: [4]byte{0x04, 0xb2, 0x47, 0x46}} // zpub
	path, err := keystore.AccountPath(84, net, 0)
	if err != nil {
		panic(err)
	}
	account, err := keys.Public(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(path)
	fmt.Println(account.Encode(net))
	fmt.Println(words)

	// Output:
	// m/84'/0'/0'
	// zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs
	// (secret)
}
