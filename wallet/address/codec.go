package address

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/said"
)

// maxText is the length of the longest text that is looked at, in bytes. The longest
// address has 90 characters (BIP173).
const maxText = 120

var (
	errBase58Sum = errors.New("checksum is wrong")
	errBech32Sum = errors.New("checksum is wrong")
)

// Encode returns the address of an output script on a chain: base58check for P2PKH and
// P2SH, bech32 (BIP173) for witness version 0 and bech32m (BIP350) for the others.
// Scripts of other forms have none.
func Encode(p *chains.Params, script []byte) (string, error) {
	switch KindOf(p, script) {
	case P2PKH:
		return base58.CheckEncode(script[3:23], p.Address.P2PKH), nil
	case P2SH:
		return base58.CheckEncode(script[2:22], p.Address.P2SH[0]), nil
	case P2WPKH, P2WSH, P2TR, Future:
		if p.Address.HRP != "" {
			return encodeWitness(p.Address.HRP, script)
		}
	}
	return "", fmt.Errorf("script %x: %s has no address for it", script[:min(len(script), 80)], p.Name)
}

func encodeWitness(hrp string, script []byte) (string, error) {
	version, program, _ := witnessProgram(script)
	groups, err := bech32.ConvertBits(program, 8, 5, true)
	if err != nil {
		return "", fmt.Errorf("script %x: %w", script, err)
	}
	groups = append([]byte{version}, groups...)
	if version == 0 {
		return bech32.Encode(hrp, groups)
	}
	return bech32.EncodeM(hrp, groups)
}

// Decode returns the output script that an address of a chain stands for. The error says
// what is wrong: the checksum (with the character that may be mistyped), mixed case, the
// length, or the chain. Chains in known are looked through to name the one that an
// address is of. Witness versions without rules decode too: see KindOf and Future.
func Decode(p *chains.Params, text string, known ...*chains.Params) ([]byte, error) {
	if len(text) > maxText {
		return nil, said.Errorf("address of %d characters: want at most 90", len(text))
	}
	script, err := decode(p, text)
	if err == nil {
		return script, nil
	}
	for _, q := range known {
		if q.Name == p.Name {
			continue
		}
		if _, e := decode(q, text); e == nil {
			return nil, said.Errorf("address %q: is of %s, want one of %s", text, q.Name, p.Name)
		}
	}
	switch err {
	case errBase58Sum:
		return nil, misread(text, suspectBase58(text))
	case errBech32Sum:
		return nil, misread(text, suspectBech32(text))
	}
	return nil, said.Errorf("address %q: %w", text, err)
}

// misread is about a wrong checksum; at is the place of the character that may be mistyped, 0: it cannot be told.
func misread(text string, at int) error {
	if at == 0 {
		return said.Errorf("address %q: checksum is wrong", text)
	}
	return said.Errorf("address %q: checksum is wrong; character %d may be mistyped", text, at)
}

func decode(p *chains.Params, text string) ([]byte, error) {
	if text == "" {
		return nil, said.Errorf("empty, want an address of %s", p.Name)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return nil, said.Errorf("character %d is not a letter or digit", i+1)
	}
	lower := strings.ToLower(text)
	if hrp := p.Address.HRP; hrp != "" && strings.HasPrefix(lower, hrp+"1") {
		return decodeWitness(p, text)
	}
	script, err := decodeBase58(p, text)
	if err == nil {
		return script, nil
	}
	if hrp, _, _, e := bech32.DecodeGeneric(text); e == nil {
		if p.Address.HRP == "" {
			return nil, said.Errorf("begins with %q: %s has no segregated witness", hrp+"1", p.Name)
		}
		return nil, said.Errorf("begins with %q, those of %s with %q", hrp+"1", p.Name, p.Address.HRP+"1")
	}
	return nil, err
}

func decodeBase58(p *chains.Params, text string) ([]byte, error) {
	payload, version, err := base58.CheckDecode(text)
	if errors.Is(err, base58.ErrChecksum) {
		return nil, errBase58Sum
	}
	if err != nil {
		return nil, said.Errorf("not an address of %s", p.Name)
	}
	if len(payload) != 20 {
		return nil, said.Errorf("holds %d bytes, want a hash of 20", len(payload))
	}
	switch {
	case version == p.Address.P2PKH:
		return slices.Concat([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, payload,
			[]byte{txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG}), nil
	case slices.Contains(p.Address.P2SH, version):
		return slices.Concat([]byte{txscript.OP_HASH160, 20}, payload, []byte{txscript.OP_EQUAL}), nil
	}
	return nil, said.Errorf("version %d, those of %s have %d or one of %s",
		version, p.Name, p.Address.P2PKH, fmt.Sprint(p.Address.P2SH))
}

func decodeWitness(p *chains.Params, text string) ([]byte, error) {
	if text != strings.ToLower(text) && text != strings.ToUpper(text) {
		return nil, said.Errorf("mixes upper and lower case")
	}
	_, groups, form, err := bech32.DecodeGeneric(text)
	var wrong bech32.ErrInvalidChecksum
	if errors.As(err, &wrong) {
		return nil, errBech32Sum
	}
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 || groups[0] > 16 {
		return nil, said.Errorf("no witness version from 0 to 16")
	}
	program, err := bech32.ConvertBits(groups[1:], 5, 8, false)
	if err != nil {
		return nil, err
	}
	version := groups[0]
	if (version == 0) != (form == bech32.Version0) {
		return nil, said.Errorf("witness version %d with the checksum of another version (BIP350)", version)
	}
	if len(program) < 2 || len(program) > 40 {
		return nil, said.Errorf("witness program of %d bytes, want 2 to 40", len(program))
	}
	if version == 0 && len(program) != 20 && len(program) != 32 {
		return nil, said.Errorf("witness program of %d bytes, want 20 or 32 in version 0", len(program))
	}
	op := byte(txscript.OP_0)
	if version > 0 {
		op = txscript.OP_1 + version - 1
	}
	return append([]byte{op, byte(len(program))}, program...), nil
}

const (
	base58Letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	bech32Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// suspectBase58 and suspectBech32 look for the one character whose change makes the
// checksum right. Only its place is told: the user shall compare with the source, not
// take a guess (BIP173).
func suspectBase58(text string) int {
	return suspect(text, 0, base58Letters, func(s string) bool {
		payload, _, err := base58.CheckDecode(s)
		return err == nil && len(payload) == 20
	})
}

func suspectBech32(text string) int {
	text = strings.ToLower(text)
	return suspect(text, strings.LastIndexByte(text, '1')+1, bech32Letters, func(s string) bool {
		_, _, _, err := bech32.DecodeGeneric(s)
		return err == nil
	})
}

func suspect(text string, from int, letters string, ok func(string) bool) int {
	found := -1
	b := []byte(text)
	for i := from; i < len(b); i++ {
		was := b[i]
		for _, c := range []byte(letters) {
			if b[i] = c; c != was && ok(string(b)) {
				if found >= 0 {
					return 0
				}
				found = i
			}
		}
		b[i] = was
	}
	return found + 1
}
