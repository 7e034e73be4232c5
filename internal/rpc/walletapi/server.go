package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
)

// Methods returns the methods that serve a Backend: one GROUP.VERB for each of its own, which take one object, and the
// names that other nodes have.
func Methods(b app.Backend) []rpc.Method {
	var out []rpc.Method
	for _, c := range calls {
		out = append(out, c.method(b))
	}
	return append(out, compatible(b)...)
}

func (x call[P, R]) method(b app.Backend) rpc.Method {
	m := rpc.Method{Name: x.name, Category: "lamina", Text: x.text}
	if x.example != "" {
		m.Params, m.Example = []rpc.Param{{Name: "request", Text: "an object"}}, "'"+x.example+"'"
	}
	m.Call = func(ctx context.Context, c *rpc.Call) (any, error) {
		var p P
		if x.example != "" {
			if err := x.read(c.Args.Raw(0), &p); err != nil {
				return nil, err
			}
		}
		result, err := x.do(b, ctx, p)
		if err != nil {
			return nil, answered(err)
		}
		return result, nil
	}
	return m
}

// read decodes a request. A misspelt field is an error, lest a payment goes out without what it said. The error names the
// field and never repeats its value, which may be secret.
func (x call[P, R]) read(raw json.RawMessage, p *P) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(p)
	if err == nil {
		return nil
	}
	if text := err.Error(); strings.HasPrefix(text, "json: unknown field ") {
		return rpc.Errorf(rpc.InvalidParameter, "%s: %.100s; want an object such as %s", x.name, strings.TrimPrefix(text, "json: "), x.example)
	}
	if bad, ok := err.(*json.UnmarshalTypeError); ok && bad.Field != "" {
		return rpc.Errorf(rpc.WrongType, "%s: %.100s: want %s", x.name, bad.Field, bad.Type)
	}
	return rpc.Errorf(rpc.WrongType, "%s: want an object such as %s", x.name, x.example)
}

// State returns what goes with every answer about a chain, for rpc.Config.State: how much it can be relied on. Without a
// chain's name it is about the first; nil if there is none.
func State(b app.Backend) func(chain string) any {
	return func(chain string) any {
		all, err := b.ListChains(context.Background())
		if err != nil {
			return nil
		}
		for _, c := range all {
			if chain == "" || c.Name == chain {
				return c.Trust
			}
		}
		return nil
	}
}
