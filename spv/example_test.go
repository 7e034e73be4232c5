package spv_test

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

// A header of a merge-mined chain is believed for the work of its parent's block, which its
// proof ties to it.
func Example() {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		panic(err)
	}
	chain, _ := set.Get("dogecoin")
	text, _ := fs.ReadFile(assets.Samples, "samples/dogecoin-700000.hex")
	raw, _ := hex.DecodeString(strings.TrimSpace(string(text)))

	sealed, _, err := spv.ParseSealed(raw, true)
	if err != nil {
		panic(err)
	}
	fmt.Println("proof:", chain.CheckWork(&sealed, 700000, nil))

	sealed.Header[36] ^= 1 // another merkle root: a proof of another block
	err = chain.CheckWork(&sealed, 700000, nil)
	fmt.Println("spoiled:", err != nil)

	// Output:
	// proof: <nil>
	// spoiled: true
}

// A Tree judges headers by those below them and knows the chain with the most work.
func ExampleTree() {
	set, err := chains.Load(assets.Chains)
	if err != nil {
		panic(err)
	}
	chain, _ := set.Get("bitcoin")
	run, _ := fs.ReadFile(assets.Samples, "samples/bitcoin-0-2100.bin")

	tree := spv.NewTree(&chain.Rules)
	var headers []spv.Sealed
	for at := spv.HeaderSize; at < len(run); at += spv.HeaderSize { // the tree has genesis
		header, err := spv.ParseHeader(run[at : at+spv.HeaderSize])
		if err != nil {
			panic(err)
		}
		headers = append(headers, spv.Sealed{Header: header})
	}
	_, err = tree.Connect(headers, 1_300_000_000)
	fmt.Println(err, tree.Tip())

	// Output:
	// <nil> 2100 00000000d5092034c3a92473d42f28e3fd279f0652e2d5b0049c7d40fcbc990b
}
