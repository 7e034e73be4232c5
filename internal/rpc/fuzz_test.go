package rpc

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest: no body breaks the parser; whatever it takes can be answered with JSON that carries the id as it came.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}`, `[{"id":"x","method":"b"}]`, `[[[[`, `{"id":{}}`, ``, ` `, "\xff",
		`{"method":"a","params":{"args":[1],"b":2}}`, `{"id":1e400,"method":"a"}`} {
		f.Add([]byte(s))
	}
	method := &Method{Name: "a", Params: []Param{{"b", "x", false}, {"c", "x", true}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		calls, _, bad := parseBody(body)
		if bad != nil {
			if len(calls) > 0 {
				t.Fatal("calls and an error")
			}
			return
		}
		if len(calls) == 0 || len(calls) > MaxBatch {
			t.Fatalf("%d calls", len(calls))
		}
		for i := range calls {
			args, _ := method.args(calls[i].params)
			_, _ = args.String(0)
			_, _ = args.Hash(1)
			a := answer{to: &calls[i], result: null, err: calls[i].bad}
			text := a.append(nil)
			var back struct{ ID json.RawMessage }
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			if calls[i].bad == nil && !bytes.Equal(bytes.TrimSpace(back.ID), calls[i].id) && string(calls[i].id) != "null" {
				t.Fatalf("id %s became %s", calls[i].id, back.ID)
			}
		}
	})
}

// FuzzRoute: no path gets a name through that could leave a folder.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{"/", "/chain/a", "/chain/a/wallet/b%20c", "/wallet/%2e%2e", "/wallet/..%2f..", "//", "/events"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, ok := routeOf(path)
		for _, name := range []string{r.chain, r.wallet} {
			if ok && (strings.ContainsAny(name, "/\\\x00:%\n") || strings.HasPrefix(name, ".") || strings.Contains(name, "..")) {
				t.Fatalf("%q gives %q", path, name)
			}
		}
		if ok && !r.events && r != (route{}) {
			again := ""
			if r.chain != "" {
				again += "/chain/" + url.PathEscape(r.chain)
			}
			if r.wallet != "" {
				again += "/wallet/" + url.PathEscape(r.wallet)
			}
			if back, ok := routeOf(again); !ok || back != r {
				t.Fatalf("%q gives %+v, and that %+v", path, r, back)
			}
		}
	})
}

// FuzzEvents: no stream breaks the reader.
func FuzzEvents(f *testing.F) {
	e := Event{ID: "a-1", Kind: "block", Body: null}
	f.Add([]byte(e.text()))
	f.Add([]byte("data: {}\n\ndata:x\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if err := readEvents(bytes.NewReader(stream), func(Event) error { return nil }); err == nil {
			t.Fatal("a stream without end")
		}
	})
}
