package bip324

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire"
)

// TestCommands: ids are those of btcd; other names are written out and come back.
func TestCommands(t *testing.T) {
	for _, m := range []wire.Message{&wire.MsgAddr{}, &wire.MsgFeeFilter{}, &wire.MsgMemPool{}, &wire.MsgPing{}, &wire.MsgPong{},
		&wire.MsgGetData{}, &wire.MsgInv{}, &wire.MsgNotFound{}, &wire.MsgHeaders{}, &wire.MsgGetHeaders{}, &wire.MsgGetCFilters{},
		&wire.MsgCFilter{}, &wire.MsgGetCFHeaders{}, &wire.MsgCFHeaders{}, &wire.MsgGetCFCheckpt{}, &wire.MsgCFCheckpt{},
		&wire.MsgAddrV2{}, &wire.MsgFilterClear{}, &wire.MsgFilterLoad{}, &wire.MsgSendHeaders{}, &wire.MsgVerAck{}, &wire.MsgSendAddrV2{},
		&wire.MsgTx{}} {
		var theirs bytes.Buffer
		if _, err := wire.WriteV2MessageN(&theirs, m, wire.ProtocolVersion, wire.WitnessEncoding); err != nil && theirs.Len() == 0 {
			t.Fatal(err)
		}
		if ours := appendCommand(nil, m.Command()); !bytes.HasPrefix(theirs.Bytes(), ours) {
			t.Errorf("%s begins with %x, btcd writes %x", m.Command(), ours, theirs.Bytes())
		}
	}
	if len(short) != 29 {
		t.Errorf("%d ids", len(short))
	}
	for _, command := range append(slices.Clone(short[1:]), "version", "abcdefghijkl") {
		got, payload, err := splitCommand(append(appendCommand(nil, command), 1, 2))
		if err != nil || got != command || !bytes.Equal(payload, []byte{1, 2}) {
			t.Errorf("%s: %s %x, %v", command, got, payload, err)
		}
	}
	if got, _, err := splitCommand([]byte{29}); err != nil || got != "#29" {
		t.Errorf("%s, %v", got, err)
	}
	for content, want := range map[string]string{
		"":                              "without a message",
		"\x00ping":                      "of 5 bytes",
		"\x00" + zeros(12):              "malformed",
		"\x00ping" + zeros(3) + "xxxxx": "malformed",
		"\x00pi\nng" + zeros(7):         "malformed",
	} {
		if _, _, err := splitCommand([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// FuzzCommand: what is read is what would be written.
func FuzzCommand(f *testing.F) {
	f.Add([]byte{13, 0})
	f.Add([]byte("\x00version" + zeros(5)))
	f.Fuzz(func(t *testing.T, in []byte) {
		command, payload, err := splitCommand(in)
		if err != nil || command[0] == '#' || slices.Contains(short, command) && in[0] == 0 {
			return
		}
		if again := append(appendCommand(nil, command), payload...); !bytes.Equal(again, in) {
			t.Errorf("%x is read as %q, which is written %x", in, command, again)
		}
	})
}
