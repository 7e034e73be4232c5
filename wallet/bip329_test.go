package wallet

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testdata"
)

func TestLabelExample(t *testing.T) {
	w := newWorld(t, "bitcoin", 1)
	file := testdata.Read(t, "vectors/bip329-example.jsonl")
	done, err := w.c.ImportLabels(bytes.NewReader(file))
	if err != nil || done.Labels != 7 || done.Frozen != 1 {
		t.Fatalf("%+v %v", done, err)
	}
	const id = "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd"
	op, _ := parseOutpoint(id + ":1")
	if w.c.Label("tx", id) != "Transaction" || w.c.Label("output", id+":1") != "Output" || !w.c.frozen[op] {
		t.Errorf("%+v", w.c.labels)
	}
	w.open(w.c.Params())
	var out bytes.Buffer
	if err := w.c.ExportLabels(&out); err != nil {
		t.Fatal(err)
	}
	// The same lines, whatever their order.
	if got, want := lines(t, out.Bytes()), lines(t, file); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if done, err := w.c.ImportLabels(bytes.NewReader(out.Bytes())); err != nil || done.Labels != 0 {
		t.Errorf("a second time: %+v %v", done, err)
	}
}

func lines(t *testing.T, b []byte) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		out[m["type"].(string)+m["ref"].(string)] = m
	}
	return out
}

func TestLabelFilesRefused(t *testing.T) {
	w := newWorld(t, "bitcoin", 2)
	good := `{"type":"tx","ref":"aa","label":"ok"}` + "\n"
	for _, c := range []struct{ file, want string }{
		{good + "nonsense", "line 2: invalid character"},
		{good + `{"type":"tx","ref":"","label":"x"}`, "line 2: label of type tx: no reference"},
		{good + `{"type":"tx","ref":"a","label":"a\u0000b"}`, "line 2: label"},
		{good + `{"type":"tx","ref":"` + strings.Repeat("a", 161) + `","label":"x"}`, "reference of 161 bytes"},
		{good + `{"type":"addr","ref":"a","spendable":true}`, "want an output"},
		{good + `{"type":"output","ref":"aa:1","spendable":true}`, "want an output"},
		{good + strings.Repeat(" ", maxLabelLine), "a line of more than"},
		{good + `{"type":"output","ref":"f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd:01","spendable":true}`, "want an output"},
	} {
		if _, err := w.c.ImportLabels(strings.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.file, err, c.want)
		}
		if len(w.c.labels) != 0 {
			t.Fatalf("%.60q: half of it was taken in", c.file)
		}
	}
	w.log.broken = true
	if _, err := w.c.ImportLabels(strings.NewReader(good)); err == nil || len(w.c.labels) != 0 {
		t.Errorf("%v %v", err, w.c.labels)
	}
	w.log.broken = false
	done, err := w.c.ImportLabels(strings.NewReader(`{"type":"future","ref":"x"}` + "\n" + `{"type":"tx","ref":"a","label":"` + strings.Repeat("é", 200) + `"}`))
	if err != nil || len(done.Skipped) != 1 || done.Cut != 1 || len(w.c.Label("tx", "a")) != 254 {
		t.Errorf("%+v %v %d", done, err, len(w.c.Label("tx", "a")))
	}
}

func FuzzImportLabels(f *testing.F) {
	f.Add(testdata.Read(f, "vectors/bip329-example.jsonl"))
	w := newWorld(f, "bitcoin", 3)
	p, accounts := w.c.Params(), w.accounts(w.c.Params())
	f.Fuzz(func(t *testing.T, file []byte) {
		log := &Memory{}
		c := &Chain{params: p, log: log, labels: map[labelKey]label{}, frozen: w.c.frozen}
		if _, err := c.ImportLabels(bytes.NewReader(file)); err != nil {
			return
		}
		again, err := Open(p, accounts[:0], log)
		if err != nil || !reflect.DeepEqual(again.labels, c.labels) {
			t.Fatalf("reopened: %v %v, want %v", again, err, c.labels)
		}
		clear(w.c.frozen)
	})
}

// TestLabelsFull: where no more labels are kept, those that are there can still be changed and removed.
func TestLabelsFull(t *testing.T) {
	w := newWorld(t, "dev", 6)
	for i := range maxNotes {
		w.c.labels[labelKey{"tx", strconv.Itoa(i)}] = label{text: "x"}
	}
	if err := w.c.SetLabel("tx", "new", "y"); err == nil {
		t.Error("one more is taken")
	}
	if err := w.c.SetLabel("tx", "7", "y"); err != nil || w.c.Label("tx", "7") != "y" {
		t.Errorf("changed: %v", err)
	}
	if err := w.c.SetLabel("tx", "7", ""); err != nil || w.c.Label("tx", "7") != "" {
		t.Errorf("removed: %v", err)
	}
	if err := w.c.SetLabel("tx", "new", "y"); err != nil {
		t.Errorf("room again: %v", err)
	}
}
