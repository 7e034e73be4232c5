package rpc

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForms pins the answers' bytes: version, ids, notifications, batches.
func TestForms(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"1.0", `{"id":1,"method":"sizes","params":[3]}`, 200, `{"result":[3,true],"error":null,"id":1}`},
		{"1.0 by word", `{"jsonrpc":"1.0","id":"a\"b","method":"sizes","params":[3,0]}`, 200, `{"result":[3,false],"error":null,"id":"a\"b"}`},
		{"1.0 without id", `{"method":"sizes","params":[3]}`, 200, `{"result":[3,true],"error":null,"id":null}`},
		{"2.0", `{"jsonrpc":"2.0","id":null,"method":"sizes","params":{"n":3}}`, 200, `{"jsonrpc":"2.0","result":[3,true],"id":null}`},
		{"2.0 large id", `{"jsonrpc":"2.0","id":12345678901234567890,"method":"sizes","params":[3]}`, 200, `{"jsonrpc":"2.0","result":[3,true],"id":12345678901234567890}`},
		{"2.0 error", `{"jsonrpc":"2.0","id":1,"method":"refuse"}`, 200, `{"jsonrpc":"2.0","error":{"code":-8,"message":"no"},"id":1}`},
		{"1.0 error", `{"id":1,"method":"refuse"}`, 500, `{"result":null,"error":{"code":-8,"message":"no"},"id":1}`},
		{"1.0 no such method", `{"id":1,"method":"nothing"}`, 404, `{"result":null,"error":{"code":-32601,"message":"method \"nothing\": there is none; help lists them"},"id":1}`},
		{"2.0 notification", `{"jsonrpc":"2.0","method":"refuse"}`, 204, ``},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"sizes","params":[1]},{"jsonrpc":"2.0","method":"refuse"},5,{"id":2,"method":"refuse"}]`, 200,
			`[{"jsonrpc":"2.0","result":[1,true],"id":1},{"result":null,"error":{"code":-32600,"message":"call: want an object"},"id":null},` +
				`{"result":null,"error":{"code":-8,"message":"no"},"id":2}]`},
		{"batch of notifications", `[{"jsonrpc":"2.0","method":"refuse"}]`, 204, ``},
		{"empty batch", `[]`, 400, `{"result":null,"error":{"code":-32600,"message":"batch of 0 calls: want 1 to 1000"},"id":null}`},
		{"no JSON", `{"id":`, 500, `{"result":null,"error":{"code":-32700,"message":"request: not one JSON document"},"id":null}`},
		{"two documents", `{"id":1,"method":"refuse"}{}`, 500, `{"result":null,"error":{"code":-32700,"message":"request: not one JSON document"},"id":null}`},
		{"empty", ``, 500, `{"result":null,"error":{"code":-32700,"message":"request: not one JSON document"},"id":null}`},
		{"a number", `7`, 400, `{"result":null,"error":{"code":-32600,"message":"request: want an object or an array"},"id":null}`},
		{"names in capitals", `{"ID":1,"METHOD":"refuse"}`, 400, `{"result":null,"error":{"code":-32600,"message":"call: want a method's name, a string"},"id":null}`},
		{"version 3", `{"jsonrpc":"3.0","id":1,"method":"refuse"}`, 400, `{"result":null,"error":{"code":-32600,"message":"call: version \"3.0\": want \"1.0\" or \"2.0\""},"id":1}`},
		{"id an object", `{"id":{},"method":"refuse"}`, 400, `{"result":null,"error":{"code":-32600,"message":"call: want an id that is a string or a number, of at most 256 bytes"},"id":null}`},
		{"params a string", `{"id":1,"method":"refuse","params":"x"}`, 400, `{"result":null,"error":{"code":-32600,"message":"call of \"refuse\": want parameters in an array or an object"},"id":1}`},
	} {
		if status, got := w.post("/", c.body); status != c.status || got != c.want {
			t.Errorf("%s: %d\n%s\nwant %d\n%s", c.name, status, got, c.status, c.want)
		}
	}
}

func TestParameters(t *testing.T) {
	w := start(t)
	c := w.client("", "")
	for _, x := range []struct {
		params any
		code   Code
	}{
		{[]any{1, true, strings.Repeat("0f", 32), "ffff"}, 0},
		{map[string]any{"args": []any{1}, "yes": false}, 0},
		{[]any{1, nil, nil, ""}, 0},
		{[]any{}, Misc},
		{[]any{nil}, Misc},
		{[]any{1, true, nil, nil, 5}, Misc},
		{[]any{"1"}, WrongType},
		{[]any{1.5}, WrongType},
		{[]any{11}, InvalidParameter},
		{[]any{0}, InvalidParameter},
		{[]any{1e300}, WrongType},
		{[]any{1, "yes"}, WrongType},
		{[]any{1, true, "00"}, InvalidParameter},
		{[]any{1, true, strings.Repeat("0x", 32)}, InvalidParameter},
		{[]any{1, true, nil, "f"}, Undecodable},
		{[]any{1, true, nil, "ffffff"}, Undecodable},
		{map[string]any{"n": 1, "other": 2}, InvalidParameter},
		{map[string]any{"args": []any{1}, "n": 2}, InvalidParameter},
		{map[string]any{"args": 1}, InvalidParameter},
		{map[string]any{"args": []any{1, 2, 3, 4, 5}}, InvalidParameter},
	} {
		if err := c.call(t.Context(), nil, "sizes", x.params); codeOf(err) != x.code || (x.code == 0) != (err == nil) {
			t.Errorf("%v: %v, want code %d", x.params, err, x.code)
		}
	}
}

func TestRoutes(t *testing.T) {
	w := start(t)
	for _, c := range [][2]string{{"", ""}, {"dev-native", ""}, {"", "my savings"}, {"dev", "a.b_C-1"}} {
		var got struct{ Chain, Wallet string }
		check(t, w.client(c[0], c[1]).Call(t.Context(), &got, "echo", 1))
		if got.Chain != c[0] || got.Wallet != c[1] {
			t.Errorf("%q: %q", c, got)
		}
	}
	for _, name := range []string{"..", ".", "a/b", "a\\b", "..%2f", "a\x00", strings.Repeat("a", 65), "a..b", "é", "-x"} {
		if _, err := NewClient(Access{URL: w.url, Wallet: name}); err == nil {
			t.Errorf("the client takes the wallet %q", name)
		}
	}
}

// parts are a request's, to be spoilt before it is sent.
type parts struct {
	method, path, host, body string
	head                     []string // the login first, then the content type
}

// good returns a request that is answered.
func (w *world) good() *parts {
	return &parts{"POST", "/", w.addr, `{"id":1,"method":"sizes","params":[1]}`,
		[]string{"Authorization: Basic " + w.login64(), "Content-Type: application/json"}}
}

// login64 is the cookie's login as a head carries it.
func (w *world) login64() string {
	return base64.StdEncoding.EncodeToString([]byte(w.cookie.User + ":" + string(w.cookie.Password)))
}

// send writes a request as it is, and returns the status, and what follows the first line.
func (w *world) send(p *parts) (int, string) {
	w.t.Helper()
	return w.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n\r\n%s", p.method, p.path, p.host,
		len(p.body), strings.Join(p.head, "\r\n"), p.body))
}

// keepsPassword: nothing that was logged holds the cookie's password.
func (w *world) keepsPassword() {
	w.t.Helper()
	if strings.Contains(w.log.String(), string(w.cookie.Password)) {
		w.t.Error("the log holds the password")
	}
}

// TestAttacks spoils one thing of a request that is answered.
func TestAttacks(t *testing.T) {
	w := start(t)
	wrong := func(user, password string) func(*parts) {
		return func(p *parts) {
			p.head[0] = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
		}
	}
	add := func(line string) func(*parts) { return func(p *parts) { p.head = append(p.head, line) } }
	path := func(s string) func(*parts) { return func(p *parts) { p.path = s } }
	for _, c := range []struct {
		name  string
		spoil func(*parts)
		want  int
	}{
		{"nothing", func(*parts) {}, 200},
		{"another login", wrong("pool", "pool password"), 200},
		{"localhost", func(p *parts) { p.host = "localhost:1" }, 200},
		{"our own name", func(p *parts) { p.host = "node.example.:99" }, 200},
		{"IPv6", func(p *parts) { p.host = "[::1]:8" }, 200},
		{"text/plain", func(p *parts) { p.head[1] = "Content-Type: text/plain; charset=utf-8" }, 200},
		{"no content type", func(p *parts) { p.head = p.head[:1] }, 200},
		{"the user typed it", add("Sec-Fetch-Site: none"), 200},
		{"no login", func(p *parts) { p.head = p.head[1:] }, 401},
		{"empty login", wrong("", ""), 401},
		{"empty password", wrong(w.cookie.User, ""), 401},
		{"another's password", wrong("pool", string(w.cookie.Password)), 401},
		{"longer password", wrong(w.cookie.User, string(w.cookie.Password)+"0"), 401},
		{"shorter password", wrong(w.cookie.User, string(w.cookie.Password[1:])), 401},
		{"bearer", func(p *parts) { p.head[0] = "Authorization: Bearer " + w.login64() }, 401},
		{"rebound name", func(p *parts) { p.host = "evil.example" }, 403},
		{"a name that begins like ours", func(p *parts) { p.host = "localhost.evil.example" }, 403},
		{"a name that begins like an address", func(p *parts) { p.host = "127.0.0.1.evil.example" }, 403},
		{"no host", func(p *parts) { p.host = "" }, 403},
		{"cross-site", add("Origin: http://evil.example"), 403},
		{"sandboxed page", add("Origin: null"), 403},
		{"own origin", add("Origin: http://" + w.addr), 403},
		{"fetch metadata", add("Sec-Fetch-Site: cross-site"), 403},
		{"GET", func(p *parts) { p.method = "GET" }, 405},
		{"PUT", func(p *parts) { p.method = "PUT" }, 405},
		{"preflight", func(p *parts) { p.method = "OPTIONS" }, 405},
		{"form", func(p *parts) { p.head[1] = "Content-Type: application/x-www-form-urlencoded" }, 415},
		{"multipart", func(p *parts) { p.head[1] = "Content-Type: multipart/form-data; boundary=x" }, 415},
		{"compressed", add("Content-Encoding: gzip"), 415},
		{"path upwards", path("/wallet/.."), 404},
		{"path upwards, escaped", path("/wallet/%2e%2e%2fother"), 404},
		{"slash in a name", path("/wallet/a%2fb"), 404},
		{"backslash", path(`/wallet/a%5Cb`), 404},
		{"zero byte", path("/wallet/a%00"), 404},
		{"two chains", path("/chain/a/chain/b"), 404},
		{"wallet before chain", path("/wallet/a/chain/b"), 404},
		{"other path", path("/admin"), 404},
		{"double slash", path("//chain/a"), 404},
		{"POST to events", path("/events"), 405},
		{"nested deeply", func(p *parts) { p.body = strings.Repeat("[", 1<<20) }, 500},
		{"nested deeply in parameters", func(p *parts) {
			p.body = `{"id":1,"method":"sizes","params":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + "}"
		}, 500},
		{"huge batch", func(p *parts) { p.body = "[" + strings.Repeat(`{},`, MaxBatch) + "{}]" }, 400},
		{"not UTF-8", func(p *parts) { p.body = "{\"id\":\"\xff\",\"method\":\"sizes\"}" }, 500},
		{"large head", add("X: " + strings.Repeat("x", 64<<10)), 431},
	} {
		p := w.good()
		c.spoil(p)
		status, body := w.send(p)
		if status != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, status, c.want, body)
		}
		if strings.HasPrefix(c.name, "nested") && !strings.Contains(body, "nested deeper than 32") {
			t.Errorf("%s: %s", c.name, body)
		}
		if lower := strings.ToLower(body); strings.Contains(lower, "access-control-allow") || strings.Contains(body, string(w.cookie.Password)) {
			t.Errorf("%s: %s", c.name, body)
		}
	}
	w.keepsPassword()
}

// TestLargeBodies: a body that is announced too large, and one that turns out so, are refused without being read.
func TestLargeBodies(t *testing.T) {
	w := start(t)
	head := "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + w.login64() + "\r\n"
	if status, _ := w.raw(head + fmt.Sprintf("Content-Length: %d\r\n\r\n", MaxBody+1)); status != 413 {
		t.Errorf("announced too large: %d", status)
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat(" ", 1<<20))
	if status, _ := w.raw(head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, MaxBody>>20) + "1\r\n \r\n"); status != 413 {
		t.Errorf("turns out too large: %d", status)
	}
	w.keepsPassword()
}

func TestBrokenMethod(t *testing.T) {
	w := start(t)
	err := w.client("", "").Call(t.Context(), nil, "break")
	var e *Error
	if !errors.As(err, &e) || e.Code != Internal || strings.Contains(e.Message, secretWord) {
		t.Fatal(err)
	}
	id := e.Message[len(e.Message)-8:]
	if log := w.log.String(); !strings.Contains(log, "id="+id) || strings.Contains(log, secretWord) {
		t.Fatal(log)
	}
	check(t, w.client("", "").Call(t.Context(), nil, "uptime")) // and it goes on
}

func TestState(t *testing.T) {
	w := start(t)
	request, _ := http.NewRequest(http.MethodPost, w.url+"/chain/dev", strings.NewReader(`{"method":"uptime"}`))
	request.SetBasicAuth("pool", "pool password")
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	response.Body.Close()
	if got := response.Header.Get("Lamina-State"); got != `{"chain":"dev","tip":7}` {
		t.Error(got)
	}
}

func TestHelp(t *testing.T) {
	w := start(t)
	var list, page string
	check(t, w.client("", "").Call(t.Context(), &list, "help"))
	for _, want := range []string{"== control ==\nhelp [command]\nstop\nuptime\n", "== test ==\nbreak\necho first [second]\n"} {
		if !strings.Contains(list, want) {
			t.Errorf("%q lacks %q", list, want)
		}
	}
	check(t, w.client("", "").Call(t.Context(), &page, "help", "echo"))
	if !strings.Contains(page, "lamina rpc echo a b\n") || !strings.Contains(page, "(optional)") {
		t.Error(page)
	}
	if err := w.client("", "").Call(t.Context(), nil, "help", "x"); codeOf(err) != NoSuchMethod {
		t.Error(err)
	}
}

// TestStop: stop is answered, ends the server in spite of a call that waits, and the cookie goes.
func TestStop(t *testing.T) {
	w := start(t)
	c, waiting := w.client("", ""), make(chan error, 1)
	go func() { waiting <- c.Call(context.Background(), nil, "wait") }()
	var text string
	check(t, w.client("", "").Call(t.Context(), &text, "stop"))
	if err := <-w.done; err != nil || text != "stopping" {
		t.Fatal(err, text)
	}
	w.done <- nil
	if err := <-waiting; err == nil {
		t.Error("a call outlives the server")
	}
	if err := w.client("", "").Call(t.Context(), nil, "uptime"); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
	check(t, w.cookie.Remove())
	if _, err := Discover(w.dir); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}

func TestCookie(t *testing.T) {
	dir := t.TempDir()
	first, err := NewCookie(dir, "http://127.0.0.1:1")
	check(t, err)
	path := filepath.Join(dir, CookieName)
	stat, err := os.Stat(path)
	check(t, err)
	if stat.Mode().Perm() != 0o600 || len(first.Password) != 64 {
		t.Errorf("mode %v, %d characters", stat.Mode(), len(first.Password))
	}
	second, err := NewCookie(dir, "http://127.0.0.1:2")
	check(t, err)
	if first.Password == second.Password {
		t.Error("the same cookie twice")
	}
	check(t, first.Remove()) // must leave the second's alone
	a, err := Discover(dir)
	check(t, err)
	if a.Login != second.Login || a.URL != "http://127.0.0.1:2" {
		t.Errorf("%+v", a)
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s %q %x", a, a.Login, a.Login, second.Password, second), string(encode(a.Login))} {
		if strings.Contains(text, string(second.Password)) || strings.Contains(text, fmt.Sprintf("%x", string(second.Password))) {
			t.Errorf("a password is printed: %s", text)
		}
	}
	check(t, second.Remove())
	check(t, second.Remove())
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("%v is left", list)
	}
	if _, err := NewCookie(filepath.Join(dir, "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	check(t, os.WriteFile(path, []byte("nonsense"), 0o600))
	if _, err := ReadCookie(path); err == nil {
		t.Error("a cookie without colon")
	}
	check(t, os.WriteFile(path, make([]byte, 5000), 0o600))
	if _, err := ReadCookie(path); err == nil {
		t.Error("a cookie of 5000 bytes")
	}
}

func TestListen(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		if l, err := Listen(address, nil); err == nil {
			l.Close()
			t.Errorf("%s is listened on without TLS", address)
		}
	}
	for _, c := range []Config{{}, {Logins: []Login{{"a", ""}}}, {Logins: []Login{{"a:b", "c"}}}} {
		if _, err := New(c); err == nil {
			t.Errorf("a server for %v", c.Logins)
		}
	}
	for _, a := range []string{"http://192.0.2.1:1", "ftp://127.0.0.1", "http://u:p@127.0.0.1:1", "http://127.0.0.1:1/x", "http://127.0.0.1:1/?x", "x", "http://%zz"} {
		if _, err := NewClient(Access{URL: a}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// TestSlowClients: clients that hold connections without a request, or after one, keep nobody out, however many they are.
func TestSlowClients(t *testing.T) {
	if headerTime > 15*time.Second || bodyTime > time.Minute || MaxConnections > 128 {
		t.Error("limits have been loosened")
	}
	w := start(t)
	for range 2 * MaxConnections {
		conn := dial(t, w.addr)
		_, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "))
		check(t, err)
	}
	served := func() {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), headerTime/2)
		defer stop()
		check(t, w.client("", "").Call(ctx, nil, "uptime"))
	}
	served()
	var idle []net.Conn
	for range MaxConnections {
		conn := dial(t, w.addr)
		_, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
		check(t, err)
		idle = append(idle, conn)
	}
	for _, conn := range idle {
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		check(t, err)
		if answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("status %s for nobody", answer.Status)
		}
	}
	served()
}
