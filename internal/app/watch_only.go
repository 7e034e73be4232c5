package app

import (
	"fmt"
	"strings"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/keystore/descriptor"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet"
)

// forms are the descriptors of one key, by what stands before it.
var forms = []struct {
	before, after string
	purpose       uint32
}{
	{"pkh(", ")", keystore.PurposeLegacy},
	{"sh(wpkh(", "))", keystore.PurposeNested},
	{"wpkh(", ")", keystore.PurposeSegwit},
	{"tr(", ")", keystore.PurposeTaproot},
}

// branches follow the key in a descriptor: addresses given out, and change.
const branches = "/<0;1>/*"

// slip132 says by the version bytes of an extended public key of what kind its account is.
var slip132 = map[[4]byte]uint32{
	{0x04, 0x9d, 0x7c, 0xb2}: keystore.PurposeNested, // ypub
	{0x04, 0x4a, 0x52, 0x62}: keystore.PurposeNested, // upub
	{0x04, 0xb2, 0x47, 0x46}: keystore.PurposeSegwit, // zpub
	{0x04, 0x5f, 0x1c, 0xf6}: keystore.PurposeSegwit, // vpub
}

// descriptorsOf returns the descriptors that a text stands for: itself, or those of every
// kind that an extended public key may be of.
func descriptorsOf(p *chains.Params, text string) (out []string, err error) {
	if strings.Contains(text, "(") {
		d, err := descriptor.Parse(text, netOf(p))
		if err != nil {
			return nil, err
		}
		return []string{d.String()}, nil
	}
	version, key, err := keystore.DecodePublic(text)
	if err != nil {
		return nil, err
	}
	kind, marked := slip132[version]
	if !marked && version != p.Address.BIP32Pub {
		return nil, Coded(CodeInvalid, "extended public key: version %x, %s has %x", version, p.Name, p.Address.BIP32Pub)
	}
	for _, f := range forms {
		if marked && f.purpose != kind {
			continue
		}
		for _, purpose := range p.Keys.Purposes {
			if purpose != f.purpose {
				continue
			}
			d, err := descriptor.Parse(f.before+key.Encode(netOf(p))+branches+f.after, netOf(p))
			if err != nil {
				return nil, err
			}
			out = append(out, d.String())
		}
	}
	if out == nil {
		return nil, Saying(CodeInvalid, "extended public key: of a kind that %s has no addresses for", p.Name)
	}
	return out, nil
}

// accountOf returns the account that a descriptor stands for: of one key, or of several that
// share its coins. That it has the same scripts is seen by deriving some of both.
func accountOf(p *chains.Params, text string) (wallet.Account, error) {
	bad := func(what string) (wallet.Account, error) {
		return wallet.Account{}, Coded(CodeInvalid, "descriptor: %s: want pkh, sh(wpkh), wpkh or tr of one key, or one that wallets share, with keys that end in %s", what, branches)
	}
	d, err := descriptor.Parse(text, netOf(p))
	if err != nil {
		return wallet.Account{}, err
	}
	if d.Branches() != 2 || !d.Ranged() {
		return bad(fmt.Sprintf("%d branches, ranged %t", d.Branches(), d.Ranged()))
	}
	body, _, _ := strings.Cut(d.String(), "#")
	for _, f := range forms {
		inner, ok := strings.CutPrefix(body, f.before)
		inner, closed := strings.CutSuffix(inner, branches+f.after)
		if !ok || !closed {
			continue
		}
		a := wallet.Account{Purpose: f.purpose, WatchOnly: true}
		if origin, rest, found := strings.Cut(inner, "]"); found {
			inner = rest
			mark, path, _ := strings.Cut(strings.TrimPrefix(origin, "["), "/")
			var print keystore.Fingerprint
			if err := print.UnmarshalText([]byte(mark)); err != nil {
				return wallet.Account{}, err
			}
			a.Master = print
			if path != "" {
				if a.Path, err = keystore.ParsePath("m/" + path); err != nil {
					return wallet.Account{}, err
				}
			}
		}
		if a.Key, err = keystore.ParsePublic(inner, netOf(p)); err != nil {
			return wallet.Account{}, err
		}
		return a, sameScripts(p, a, d)
	}
	a := wallet.Account{Shared: d, WatchOnly: true}
	return a, sameScripts(p, a, d)
}

// sameScripts compares what an account derives with what a descriptor does.
func sameScripts(p *chains.Params, a wallet.Account, d *descriptor.Descriptor) error {
	chain, err := wallet.Open(p, []wallet.Account{a}, &wallet.Memory{})
	if err != nil {
		return err
	}
	for branch := range 2 {
		for index := range uint32(3) {
			out, err := d.At(branch, index)
			if err != nil {
				return err
			}
			at, ok := chain.AddressOf(out.Script)
			if !ok || at.Change != (branch == 1) || at.Index != index {
				return Coded(CodeInvalid, "descriptor: script %d of branch %d is not one that a wallet derives", index, branch)
			}
		}
	}
	return nil
}
