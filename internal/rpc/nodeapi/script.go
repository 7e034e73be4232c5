package nodeapi

import (
	"bytes"
	"context"
	"encoding/hex"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

const maxScript = 10_000 // bytes; longer ones cannot be spent

// scriptJSON is an output script.
type scriptJSON struct {
	Asm     string `json:"asm"`
	Hex     string `json:"hex"`
	Address string `json:"address,omitempty"`
	Type    string `json:"type"`
}

func describeScript(p *chains.Params, script []byte) scriptJSON {
	s := scriptJSON{Asm: asm(script), Hex: hex.EncodeToString(script), Type: txscript.GetScriptClass(script).String()}
	s.Address, _ = address.Encode(p, script) // most forms have none
	return s
}

// asm spells a script out, as far as it can be read.
func asm(script []byte) string {
	text, _ := txscript.DisasmString(script) // ends in [error] where it cannot
	return text
}

// payee returns the script of an address parameter.
func payee(p *chains.Params, args *rpc.Args, i int) ([]byte, error) {
	text, err := args.String(i)
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(p, text)
	if err != nil {
		return nil, rpc.Errorf(rpc.NotFound, "%v", err)
	}
	if address.KindOf(p, script) == address.Future {
		return nil, rpc.Errorf(rpc.NotFound, "address of %s: a witness version without rules: anybody could spend it", p.Name)
	}
	return script, nil
}

// textMethods are about addresses and scripts alone.
func textMethods(find Find) []rpc.Method {
	return []rpc.Method{{
		Name: "validateaddress", Category: "util", Text: "Tells whether a text is an address of the chain, and what it pays to.",
		Params: []rpc.Param{{Name: "address", Text: "the text"}}, Example: "ldev1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq4m9x2r",
		Call: find.on(validateAddress),
	}, {
		Name: "decodescript", Category: "util", Text: "Spells a script out, with the addresses that pay to it.",
		Params: []rpc.Param{{Name: "hexstring", Text: "the script in hex"}}, Example: "51", Call: find.on(decodeScript),
	}}
}

func validateAddress(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	text, err := c.Args.String(0)
	if err != nil {
		return nil, err
	}
	p := n.Chain.Params()
	script, err := address.Decode(p, text)
	if err != nil {
		return map[string]any{"isvalid": false, "error": err.Error()}, nil
	}
	kind := address.KindOf(p, script)
	version, program, witness := program(script)
	answer := map[string]any{
		"isvalid": true, "address": text, "scriptPubKey": hex.EncodeToString(script), "iswitness": witness,
		"isscript": kind == address.P2SH || kind == address.P2WSH || kind == address.P2TR,
	}
	if canonical, err := address.Encode(p, script); err == nil {
		answer["address"] = canonical
	}
	if witness {
		answer["witness_version"], answer["witness_program"] = version, hex.EncodeToString(program)
	}
	return answer, nil
}

// program takes a witness program apart (BIP141).
func program(script []byte) (version int, program []byte, ok bool) {
	if !txscript.IsWitnessProgram(script) {
		return 0, nil, false
	}
	version, program, err := txscript.ExtractWitnessProgramInfo(script)
	return version, program, err == nil
}

func decodeScript(_ context.Context, n *Node, c *rpc.Call) (any, error) {
	script, err := c.Args.Hex(0, maxScript)
	if err != nil {
		return nil, err
	}
	p := n.Chain.Params()
	type wrapped struct {
		scriptJSON
		P2SH   string `json:"p2sh,omitempty"`
		Segwit any    `json:"segwit,omitempty"`
	}
	w := wrapped{scriptJSON: describeScript(p, script)}
	_, _, witness := program(script)
	if class := txscript.GetScriptClass(script); class != txscript.ScriptHashTy && class != txscript.NullDataTy && !witness {
		inner := txscript.NewScriptBuilder().AddOp(txscript.OP_HASH160).AddData(btcutil.Hash160(script)).AddOp(txscript.OP_EQUAL)
		if outer, err := inner.Script(); err == nil {
			w.P2SH, _ = address.Encode(p, outer)
		}
	}
	if bytes.HasPrefix(script, []byte{txscript.OP_RETURN}) || p.Address.HRP == "" {
		w.P2SH = ""
	}
	return w, nil
}
