package nodeapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzMethods: whatever the parameters, no method breaks and every answer is JSON.
func FuzzMethods(f *testing.F) {
	w := start(f)
	call[[]string](w, "generatetoaddress", 12, w.address(w.l1))
	block, coinbase := call[string](w, "getbestblockhash"), w.first(1).Hash.String()
	proof := call[string](w, "gettxoutproof", []string{coinbase})
	w.l1.node.Miner = nil // it would only take time
	w.layer.node.Settlement = &fakeSettlement{}
	all := Methods(nil)
	for i, x := range all {
		f.Add(uint8(i), `["`+block+`",1]`)
		f.Add(uint8(i), `["`+coinbase+`",0]`)
		f.Add(uint8(i), `{"`+x.Name+`":[]}`)
	}
	for _, text := range []string{`["` + proof + `"]`, `[["` + coinbase + `"]]`, `["` + w.address(w.l1) + `"]`, `[{"mode":"proposal","data":"00"}]`, `[[],"1e9"]`} {
		for i := range all {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, params string) {
		if !json.Valid([]byte(params)) || !utf8.ValidString(params) || strings.Contains(params, "longpollid") { // it would wait
			return
		}
		for _, path := range []string{"/", "/chain/dev-native"} {
			body := `{"jsonrpc":"2.0","id":1,"method":"` + all[int(i)%len(all)].Name + `","params":` + params + `}`
			r := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
			r.SetBasicAuth(w.login.User, string(w.login.Password))
			out := httptest.NewRecorder()
			w.server.ServeHTTP(out, r)
			if !json.Valid(out.Body.Bytes()) || strings.Contains(out.Body.String(), "-32603") {
				t.Fatalf("%s%s: %d %s", path, body, out.Code, out.Body)
			}
		}
	})
}
