package bip324

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// longName is how many bytes the name of a message takes that has no short id: a zero, and
// the name as unencrypted messages carry it.
const longName = 1 + 12

// short are the commands that have an id of one byte: their place here, from 1 on.
var short = []string{
	"", "addr", "block", "blocktxn", "cmpctblock", "feefilter", "filteradd", "filterclear", "filterload",
	"getblocks", "getblocktxn", "getdata", "getheaders", "headers", "inv", "mempool", "merkleblock",
	"notfound", "ping", "pong", "sendcmpct", "tx", "getcfilters", "cfilter", "getcfheaders", "cfheaders",
	"getcfcheckpt", "cfcheckpt", "addrv2",
}

// appendCommand appends what a message's content begins with. Commands are of 1 to 12
// bytes.
func appendCommand(dst []byte, command string) []byte {
	if id := slices.Index(short, command); id > 0 {
		return append(dst, byte(id))
	}
	var name [longName]byte
	copy(name[1:], command)
	return append(dst, name[:]...)
}

// splitCommand reads what a message's content begins with. An id that BIP324 does not give
// to any message makes a command that nobody knows.
func splitCommand(content []byte) (command string, payload []byte, err error) {
	if len(content) == 0 {
		return "", nil, errors.New("packet without a message")
	}
	if id := int(content[0]); id >= len(short) {
		return fmt.Sprintf("#%d", id), content[1:], nil
	} else if id > 0 {
		return short[id], content[1:], nil
	}
	if len(content) < longName {
		return "", nil, fmt.Errorf("packet of %d bytes, want the name of its message, %d", len(content), longName)
	}
	raw := content[1:longName]
	name, padding, _ := bytes.Cut(raw, []byte{0})
	strange := func(r rune) bool { return r < ' ' || r > '~' }
	if len(name) == 0 || len(bytes.Trim(padding, "\x00")) > 0 || bytes.ContainsFunc(name, strange) {
		return "", nil, fmt.Errorf("packet: malformed command %q", raw)
	}
	return string(name), content[longName:], nil
}
