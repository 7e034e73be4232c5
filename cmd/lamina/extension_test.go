package main

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/realnode"
)

// TestExtensionBlock verifies a block with an extension block behind it (MWEB) that a real
// node made: its last transaction is of a form of its own, and what follows is reported
// as not checked.
func TestExtensionBlock(t *testing.T) {
	t.Parallel() // it waits most of the time
	node := realnode.LitecoindExtended(t)
	node.Call(t, nil, "createwallet", "test")
	var payee string
	node.Call(t, &payee, "getnewaddress")
	node.Call(t, nil, "generatetoaddress", 110, payee)
	node.Generate(t, 321) // to height 431
	var hidden, id string
	node.Call(t, &hidden, "getnewaddress", "", "mweb")
	node.Call(t, nil, "sendtoaddress", hidden, 1)
	var raw string
	for range 2 {
		id = node.Generate(t, 1)[0]
	}
	node.Call(t, &raw, "getblock", id, 0)

	o := lamina(t, []byte(raw), "verify", "block", "--chain", "litecoin-regtest", "--from-height", "433", "-")
	for _, want := range []string{id + " at height 433", "passed       merkle-root", "bytes of extension block", "not checked: ", "trailing-bytes"} {
		if o.code != exitOK || !strings.Contains(o.out, want) {
			t.Fatalf("exit code %d, want %q in\n%s%s", o.code, want, o.out, o.err)
		}
	}
	spoiled := strings.Replace(raw, raw[160:200], strings.Repeat("0", 40), 1)
	if o := lamina(t, []byte(spoiled), "verify", "block", "--chain", "litecoin-regtest", "-"); o.code == exitOK {
		t.Errorf("a spoiled block: exit code %d\n%s", o.code, o.out)
	}
}
