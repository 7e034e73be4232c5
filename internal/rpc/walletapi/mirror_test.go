package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/internal/testkit"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
)

// serve puts a Backend on a server of its own and returns a client of it, the raw access and all that the server logged.
func serve(t testing.TB, b app.Backend, feed *rpc.Feed) (*Client, rpc.Access, *testkit.Log) {
	t.Helper()
	l, err := rpc.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	logs := &testkit.Log{}
	login := rpc.Login{User: "user", Password: "password"}
	config := rpc.Config{Methods: rpc.NewMethods(Methods(b)...), Logins: []rpc.Login{login}, Feed: feed,
		Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if _, records := b.(*recorder); !records { // it would record the question for the state
		config.State = State(b)
	}
	server, err := rpc.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	access := rpc.Access{URL: "http://" + l.Addr().String(), Login: login}
	c, err := rpc.NewClient(access)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(c), access, logs
}

// filler makes up values: none is zero, so that a field that is left behind shows.
type filler struct{ rand *rand.Rand }

const secretMark = "s3cr3t-"

func (f filler) value(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	f.fill(v)
	return v
}

func (f filler) fill(v reflect.Value) {
	switch v.Interface().(type) {
	case app.Secret:
		v.SetBytes([]byte(fmt.Sprintf("%s%d \"<&>\\ ü", secretMark, f.rand.Uint32())))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(f.rand.Int64N(1<<32), 0).UTC()))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(1+f.rand.Int64N(86400)) * time.Second))
		return
	case risk.Kind:
		v.Set(reflect.ValueOf(risk.Kinds()[f.rand.IntN(len(risk.Kinds()))]))
		return
	case risk.Class:
		v.SetUint(uint64(risk.Unknown) + f.rand.Uint64N(uint64(risk.Seal)))
		return
	case proof.Link:
		v.SetUint(1 + f.rand.Uint64N(uint64(proof.OwnChain)))
		return
	case proof.Assumption:
		v.SetUint(1 + f.rand.Uint64N(uint64(proof.ClockOpen)))
		return
	case said.Sentence: // holds sentences
		v.Set(reflect.ValueOf(said.Of("%d of %s", f.rand.Uint32(), said.Of("what"))))
		return
	case spv.Outcome:
		v.SetUint(1 + f.rand.Uint64N(uint64(spv.NotChecked)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d <ü>", f.rand.Uint32()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1 + f.rand.Int64N(1<<31-1))
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(1 + f.rand.Uint64N(255))
	case reflect.Float64:
		v.SetFloat(f.rand.Float64())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" { // else it is for whoever shows what he made himself
				f.fill(v.Field(i))
			}
		}
	default:
		panic(v.Type().String())
	}
}

// recorder is a Backend that notes what it was asked and answers what it was told to.
type recorder struct {
	app.Backend // nil: what is not overridden panics, and the server says so
	took        []any
	answer      []any // all but the error
	err         error
}

// answerOf returns the answer of the type asked for.
func answerOf[T any](r *recorder) (v T, err error) {
	if r.err != nil {
		return v, r.err
	}
	return r.answer[0].(T), nil
}

func (o *recorder) note(args ...any) { o.took = args }

// TestMirror: every method of app.Backend reaches the daemon's Backend with all that was asked, and all of the answer
// comes back; so do codes of errors. The seed is fixed: a failure repeats.
func TestMirror(t *testing.T) {
	r := &recorder{}
	c, _, logs := serve(t, r, nil)
	f := filler{rand.New(rand.NewPCG(1, 2))}
	methods := reflect.TypeFor[app.Backend]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		if m.Name == "Subscribe" {
			continue // TestEvents
		}
		t.Run(m.Name, func(t *testing.T) {
			in := []reflect.Value{reflect.ValueOf(t.Context())}
			var asked []any
			var written *bytes.Buffer
			for k := 1; k < m.Type.NumIn(); k++ {
				switch at := m.Type.In(k); at {
				case reflect.TypeFor[io.Reader]():
					in = append(in, reflect.ValueOf(io.Reader(strings.NewReader("a file ü\n"))))
					asked = append(asked, "a file ü\n")
				case reflect.TypeFor[io.Writer]():
					written = &bytes.Buffer{}
					in = append(in, reflect.ValueOf(io.Writer(written)))
				default:
					v := f.value(at)
					if m.Name == "RestoreWallet" && at == reflect.TypeFor[app.NewWallet]() {
						v.FieldByName("Passphrase").SetZero() // of new words only: the argument behind is meant
					}
					in, asked = append(in, v), append(asked, v.Interface())
				}
			}
			var want []any
			for k := range m.Type.NumOut() - 1 {
				want = append(want, f.value(m.Type.Out(k)).Interface())
			}
			if m.Name == "ExportHistory" { // CSV is text
				want[0] = []byte("a,b\n\"ü\"\n")
			}
			r.took, r.answer, r.err = nil, want, nil
			out := reflect.ValueOf(c).MethodByName(m.Name).Call(in)
			if err, _ := out[len(out)-1].Interface().(error); err != nil {
				t.Fatal(err)
			}
			for k, v := range want {
				if got := out[k].Interface(); !reflect.DeepEqual(got, v) {
					t.Errorf("answer:\ngot  %+v\nwant %+v", got, v)
				}
			}
			if !reflect.DeepEqual(r.took, asked) {
				t.Errorf("asked:\ngot  %#v\nwant %#v", r.took, asked)
			}
			if written != nil && written.String() != "labels" {
				t.Errorf("written: %q", written)
			}
			for _, code := range numbers {
				r.err = app.Coded(code.code, "purse: what is wrong")
				if reader := len(in) - 1; in[reader].Type() == reflect.TypeFor[*strings.Reader]() {
					in[reader] = reflect.ValueOf(strings.NewReader("x"))
				}
				out = reflect.ValueOf(c).MethodByName(m.Name).Call(in)
				err, _ := out[len(out)-1].Interface().(error)
				if app.CodeOf(err) != code.code || err.Error() != "purse: what is wrong" {
					t.Errorf("code %s: got %s, %v", code.code, app.CodeOf(err), err)
				}
				if s, ok := said.By(err); ok {
					t.Errorf("code %s: says %+v, and was told nothing", code.code, s)
				}
			}
		})
	}
	if text := logs.String(); strings.Contains(text, secretMark) || strings.Contains(text, "text ") {
		t.Errorf("a request's content is in the log:\n%s", text)
	}
}

// TestErrorsSay: what an error says comes back with it.
func TestErrorsSay(t *testing.T) {
	r := &recorder{}
	c, _, _ := serve(t, r, nil)
	for _, code := range numbers {
		r.err = fmt.Errorf("purse: %w", app.Saying(code.code, "wallet %s: %d is wrong", "main", 7))
		_, err := c.ListWallets(t.Context())
		if s, ok := said.By(err); !ok || !reflect.DeepEqual(s, said.Of("wallet %s: %d is wrong", "main", 7)) ||
			app.CodeOf(err) != code.code || err.Error() != "purse: wallet main: 7 is wrong" {
			t.Errorf("code %s: got %s, %v, which says %+v", code.code, app.CodeOf(err), err, s)
		}
	}
}

// TestRequests: what a request must not be ends with an error that names the field and never repeats a secret.
func TestRequests(t *testing.T) {
	r := &recorder{}
	_, access, logs := serve(t, r, nil)
	c, err := rpc.NewClient(access)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		method, request, says string
	}{
		{"pay.send", `{"draft":"1","pasword":"hush"}`, `unknown field "pasword"`},
		{"pay.send", `{"draft":"1","password":{"x":"hush"}}`, "want an object such as"},
		{"pay.send", `{"draft":"1","password":17171717}`, "want an object such as"},
		{"pay.send", `["hush"]`, "want an object such as"},
		{"wallet.unlock", `{"wallet":"main","seconds":"hush"}`, "seconds: want int64"},
		{"wallet.unlock", `{"wallet":"main","seconds":86401}`, "seconds: got 86401"},
		{"wallet.setgap", `{"wallet":"main","chain":"dev","number":-1}`, "gap: got -1"},
		{"wallet.rescan", `{"wallet":"main","chain":"dev","number":2147483648}`, "height: got 2147483648"},
		{"money.transaction", `{"wallet":"main","chain":"dev","txid":"zz"}`, "want an object such as"},
	} {
		err := c.Call(t.Context(), nil, bad.method, json.RawMessage(bad.request))
		if err == nil || !strings.Contains(err.Error(), bad.says) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "17171717") {
			t.Errorf("%s %s: %v, want %q", bad.method, bad.request, err, bad.says)
		}
	}
	if r.took != nil || strings.Contains(logs.String(), "hush") {
		t.Errorf("asked %v, logged %s", r.took, logs)
	}
}

// TestSecretsDoNotPrint: not even the types that carry secrets as text over the wire.
func TestSecretsDoNotPrint(t *testing.T) {
	s := plain("hush")
	for _, v := range []any{s, &s, secretFor{Password: s, Words: s, Next: s, Passphrase: s}, sealed(app.NewWallet{Password: app.Secret("hush")}),
		backup{Words: s, Text: s}, sendRequest{Password: s}, planIn{Password: s}, packetIn{Password: s}, messageIn{Password: s},
		takeBackIn{Password: s}, swapIn{Password: s}, swapSecret{Secret: s}, swapOffered{Password: s}, swapTaken{Password: s}, swapRestored{Password: s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hush") || strings.Contains(text, "68757368") || strings.Contains(text, "104 117") {
				t.Errorf("%T with %s: %s", v, verb, text)
			}
		}
	}
	if _, err := json.Marshal(plain{0xff}); err == nil || strings.Contains(err.Error(), "ff") {
		t.Errorf("bytes that are no text: %v", err)
	}
}

// events is a Backend whose events the test sends.
type events struct {
	app.Backend
	out chan app.Event
}

func (e *events) Subscribe(context.Context) <-chan app.Event { return e.out }
func (e *events) ListChains(context.Context) ([]app.ChainState, error) {
	return []app.ChainState{{Name: "dev"}}, nil
}

// TestEvents: what the daemon's Backend tells comes out of a client's Subscribe; payments and alarms are pushed.
func TestEvents(t *testing.T) {
	source := &events{out: make(chan app.Event)}
	feed := rpc.NewFeed()
	c, _, _ := serve(t, source, feed)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pushed := make(chan rpc.Event, 10)
	published := make(chan struct{})
	go func() {
		defer close(published)
		Publish(ctx, source, feed, func(e rpc.Event) { pushed <- e })
	}()
	got := c.Subscribe(ctx)
	id := spv.Hash{1}
	beat := app.Event{Kind: app.EventSync, Chain: &app.ChainState{Name: "dev"}, Time: time.Unix(1, 0).UTC()}
	var first app.Event
	tick, late := time.NewTicker(10*time.Millisecond), time.After(3*time.Minute)
	defer tick.Stop()
	for begun := false; !begun; { // until the stream is open; a reader whom more events wait for than fit is dropped
		select {
		case <-tick.C:
			source.out <- beat
		case first = <-got:
			begun = true
		case <-late:
			t.Fatal("no event")
		}
	}
	if !first.Missed || first.Kind != app.EventSync || first.Chain.Name != "dev" {
		t.Errorf("first: %+v", first)
	}
	pay := app.Event{Kind: app.EventSeen, Purse: app.Purse{Wallet: "main", Chain: "dev"}, TxID: &id, Peers: 2, Time: time.Unix(2, 0).UTC(),
		Row: &app.Row{ID: id, Amount: 5, Time: time.Unix(2, 0).UTC()}}
	source.out <- pay
	for e := range got {
		if e.Kind == app.EventSeen {
			if !reflect.DeepEqual(e, pay) {
				t.Errorf("got %+v, want %+v", e, pay)
			}
			break
		}
	}
	if e := <-pushed; e.Chain != "dev" || e.Kind != "seen" || len(pushed) != 0 {
		t.Errorf("pushed: %+v, %d more", e, len(pushed))
	}
	for _, kind := range risk.Kinds() {
		alarm := app.Event{Kind: app.EventAlarm, Time: time.Unix(3, 0).UTC(), Alarm: &app.AlarmEvent{Cleared: kind%2 == 0, ChainAlarm: app.ChainAlarm{
			Chain: "dev-native", Alarm: risk.Alarm{Kind: kind, At: spv.Block{Height: 7, Hash: id}, Seen: risk.Seen{Of: 3, Got: 0.5}}, Title: "title", What: "what", Do: "do"}}}
		source.out <- alarm
		if e := <-got; !reflect.DeepEqual(e, alarm) {
			t.Errorf("got %+v, want %+v", e, alarm)
		}
		if e := <-pushed; e.Chain != "dev-native" || e.Kind != "alarm" {
			t.Errorf("pushed: %+v", e)
		}
	}
	close(source.out)
	<-published
	stop()
	for range got {
	}
}
