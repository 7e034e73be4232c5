package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/rpc"
)

// rpcServer runs a server that tells what it was asked, and returns its data folder and address.
func rpcServer(t *testing.T) (dir, url string) {
	t.Helper()
	dir = t.TempDir()
	l, err := rpc.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + l.Addr().String()
	cookie, err := rpc.NewCookie(dir, url)
	if err != nil {
		t.Fatal(err)
	}
	methods := rpc.NewMethods(rpc.Method{
		Name: "echo", Category: "test", Text: "Returns what it was asked.", Example: "1 2",
		Params: []rpc.Param{{Name: "a", Text: "any", Optional: true}, {Name: "b", Text: "any", Optional: true}, {Name: "c", Text: "any", Optional: true}},
		Call: func(_ context.Context, c *rpc.Call) (any, error) {
			return []any{c.Chain, c.Wallet, c.Args.Raw(0), c.Args.Raw(1), c.Args.Raw(2)}, nil
		},
	}, rpc.Method{Name: "text", Category: "test", Text: "Returns a text.",
		Call: func(context.Context, *rpc.Call) (any, error) { return "two\nlines", nil },
	}, rpc.Method{Name: "nothing", Category: "test", Text: "Returns nothing.",
		Call: func(context.Context, *rpc.Call) (any, error) { return nil, nil }})
	s, err := rpc.New(rpc.Config{Methods: methods, Logins: []rpc.Login{cookie.Login, {User: "me", Password: "my password"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dir, url
}

func TestRPCCommand(t *testing.T) {
	dir, url := rpcServer(t)
	password := file(t, "password", []byte("my password\nand more"))
	here := []string{"rpc", "--data-dir", dir}
	for _, c := range []struct {
		args []string
		in   string
		want string // compacted
	}{
		{[]string{"echo"}, "", `["","",null,null,null]`},
		{[]string{"--chain", "dev", "--wallet", "my wallet", "echo"}, "", `["dev","my wallet",null,null,null]`},
		{[]string{"echo", "-1", "1e2", "0200"}, "", `["","",-1,1e2,"0200"]`},
		{[]string{"echo", `{"a":[1]}`, `"5"`, "--chain"}, "", `["","",{"a":[1]},"5","--chain"]`},
		{[]string{"echo", "true", "a b", ""}, "", `["","",true,"a b",""]`},
		{[]string{"--named", "echo", "b=1", "a=x=y"}, "", `["","","x=y",1,null]`},
		{[]string{"--stdin", "echo", "1"}, "a secret\nanother\n", `["","",1,"a secret","another"]`},
		{[]string{"--rpc", url, "--cookie", filepath.Join(dir, ".cookie"), "echo"}, "", `["","",null,null,null]`},
		{[]string{"--user", "me", "--password-file", password, "echo"}, "", `["","",null,null,null]`},
	} {
		o := lamina(t, []byte(c.in), append(here[:3:3], c.args...)...)
		var got any
		if err := json.Unmarshal([]byte(o.out), &got); err != nil || o.code != exitOK {
			t.Errorf("%q: %d %v %s%s", c.args, o.code, err, o.out, o.err)
			continue
		}
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if a, b := mustJSON(t, got), mustJSON(t, want); a != b {
			t.Errorf("%q: %s, want %s", c.args, a, b)
		}
	}
	for _, c := range []struct {
		args []string
		out  string
	}{
		{[]string{"text"}, "two\nlines\n"},
		{[]string{"--json", "text"}, "\"two\\nlines\"\n"},
		{[]string{"nothing"}, ""},
		{[]string{"--json", "nothing"}, "null\n"},
	} {
		if o := lamina(t, nil, append(here[:3:3], c.args...)...); o.out != c.out || o.code != exitOK || o.err != "" {
			t.Errorf("%q: %d %q %q", c.args, o.code, o.out, o.err)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRPCCommandRefuses(t *testing.T) {
	dir, url := rpcServer(t)
	here := []string{"--data-dir", dir}
	gone := t.TempDir()
	if _, err := rpc.NewCookie(gone, "http://127.0.0.1:1"); err != nil { // a server that was killed
		t.Fatal(err)
	}
	wrong := file(t, "wrong", []byte("me:not my password"))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "requires at least 1 arg"},
		{append(here, "none"), exitRefuted, "error code: -32601"},
		{append(here, "echo", "1", "2", "3", "4"), exitRefuted, "error code: -1"},
		{append(here, "--named", "echo", "d=1"), exitRefuted, "unknown parameter"},
		{append(here, "--named", "echo", "secret"), exitUsage, "argument 1: want NAME=VALUE"},
		{append(here, "--named", "echo", "a=1", "a=2"), exitUsage, "twice"},
		{append(here, "--wallet", "../x", "echo"), exitUsage, "not a name"},
		{[]string{"--data-dir", t.TempDir(), "echo"}, exitUsage, "no server is running"},
		{[]string{"--data-dir", gone, "echo"}, exitUsage, "no server is running"},
		{[]string{"--rpc", url, "echo"}, exitUsage, "want --cookie"},
		{[]string{"--rpc", "http://192.0.2.1:1", "--cookie", wrong, "echo"}, exitUsage, "want https"},
		{[]string{"--rpc", url, "--cookie", wrong, "echo"}, exitUsage, "does not know this user"},
		{append(here, "--user", "me", "echo"), exitUsage, "password-file"},
		{append(here, "--ca", wrong, "echo"), exitUsage, "no certificate"},
	} {
		o := lamina(t, nil, append([]string{"rpc"}, c.args...)...)
		if o.code != c.code || !strings.Contains(o.err, c.want) || o.out != "" {
			t.Errorf("%q: %d %q, want %d %q", c.args, o.code, o.err, c.code, c.want)
		}
		cookie, _ := os.ReadFile(filepath.Join(dir, ".cookie"))
		if _, secret, _ := strings.Cut(string(cookie), ":"); strings.Contains(o.err, secret) || strings.Contains(o.err, "not my password") {
			t.Errorf("%q: %s", c.args, o.err)
		}
	}
}
