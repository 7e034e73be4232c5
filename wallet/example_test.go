package wallet_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet"
	"github.com/layeredpow/lamina/wallet/address"
)

// A payment comes in with a block, and another is planned, looked at, signed and written down.
func Example() {
	set, err := chains.Load(assets.Chains)
	must(err)
	chain, err := set.Get("dev")
	must(err)
	words, err := keystore.ParseWords("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about")
	must(err)
	keys, err := keystore.Open(words.Seed(nil))
	must(err)
	path, err := keystore.AccountPath(84, keystore.Net{CoinType: chain.Keys.CoinType}, 0)
	must(err)
	key, err := keys.Public(path)
	must(err)
	master, err := keys.Fingerprint()
	must(err)
	accounts := []wallet.Account{{Purpose: 84, Path: path, Key: key, Master: master}}
	money, err := wallet.Open(chain, accounts, &wallet.Memory{})
	must(err)

	to, _, err := money.Receive(0, false)
	must(err)
	in := wire.NewMsgTx(2)
	in.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: spv.Hash{1}}, nil, nil))
	in.AddTxOut(wire.NewTxOut(100_000_000, to.Script))
	_, err = money.Apply(spv.Block{Height: 1, Hash: spv.Hash{2}}, 1_700_000_000, []*wire.MsgTx{in})
	must(err)
	fmt.Println("confirmed:", money.Balance().Confirmed)

	payee, err := address.Decode(chain, "ldev1qw508d6qejxtdg4y5r3zarvary0c5xw7kjawpt8")
	must(err)
	draft, err := money.Draft(wallet.Request{
		Recipients: []wallet.Recipient{{Script: payee, Amount: 25_000_000}},
		Rate:       2000, // base units per 1000 virtual bytes
	}, rand.New(rand.NewPCG(1, 2)))
	must(err)
	fmt.Println("pays:", draft.Paid(), "fee:", draft.Fee())

	signed, err := draft.Sign(keys)
	must(err)
	_, err = money.Commit(signed, 1_700_000_600) // written down before anybody hears of it
	must(err)
	fmt.Println("to announce:", len(money.Pending()))

	// Output:
	// confirmed: 100000000
	// pays: 25000000 fee: 282
	// to announce: 1
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
