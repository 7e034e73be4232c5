package work

import (
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// TestSet tells a set the news of several chains and looks at the jobs it puts up.
func TestSet(t *testing.T) {
	board := NewBoard(func(*Solution) {})
	s := NewSet(pow.SHA256d, board)
	named := func(name string, id int32, hash byte) Layer {
		return Layer{Chain: name, ID: id, Hash: spv.Hash{hash}, Target: target(3)}
	}
	tip, next := parent(t, easyBits, 1), parent(t, easyBits, 2)
	marked := parent(t, easyBits, 1)
	marked.Extra = magic
	for _, step := range []struct {
		name string
		news func() error
		err  string
		want string // parent's number of transactions, then the layers' names and first bytes
	}{
		{"a layer alone", func() error { return s.Layer(named("b", 2, 1)) }, "", ""},
		{"a parent", func() error { return s.Parent(tip) }, "", "1 b1"},
		{"another layer", func() error { return s.Layer(named("a", 1, 1)) }, "", "1 a1 b1"},
		{"one that moved", func() error { return s.Layer(named("b", 2, 2)) }, "", "1 a1 b2"},
		{"an id that is taken", func() error { return s.Layer(named("c", 2, 1)) }, "collide", "1 a1 b2"},
		{"no name", func() error { return s.Layer(named("", 5, 1)) }, "want a name and a target", "1 a1 b2"},
		{"the parent moved", func() error { return s.Parent(next) }, "", "2 a1 b2"},
		{"a parent with a magic of its own", func() error { return s.Parent(marked) }, "magic twice", "2 a1 b2"},
		{"a layer less", func() error { return s.Drop("a") }, "", "2 b2"},
		{"one that is not there", func() error { return s.Drop("a") }, "", "2 b2"},
		{"no parent", func() error { return s.Parent(nil) }, "", ""},
		{"a collision without a parent", func() error { return s.Layer(named("c", 2, 1)) }, "collide", ""},
		{"the parent again", func() error { return s.Parent(tip) }, "", "1 b2"},
	} {
		_, changed := board.Job()
		err := step.news()
		if step.err == "" && err != nil || step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)) {
			t.Fatalf("%s: %v, want %q", step.name, err, step.err)
		}
		select {
		case <-changed:
			if err != nil {
				t.Fatalf("%s: a new job after an error", step.name)
			}
		default:
			if err == nil {
				t.Fatalf("%s: no new job", step.name)
			}
		}
		job, _ := board.Job()
		if got := describe(job); got != step.want {
			t.Fatalf("%s: job %q, want %q", step.name, got, step.want)
		}
	}
}

func describe(j *Job) string {
	if j == nil {
		return ""
	}
	var b strings.Builder
	b.WriteByte('0' + byte(len(j.Parent.Txs)))
	for _, l := range j.Layers {
		b.WriteString(" " + l.Chain + string('0'+rune(l.Hash[0])))
	}
	// What the miners search for is what the layers' rules want.
	for i, l := range j.Layers {
		found, err := j.Judge(Share{Version: j.Parent.Version, Time: j.Parent.Time, ExtraNonce: template.ExtraNonce{1}})
		if err != nil {
			return err.Error()
		}
		if err := rules(j, i).AuxPoW.CheckProof(l.Hash, l.ID, found.Proof(i), nil); err != nil {
			return err.Error()
		}
	}
	return b.String()
}
