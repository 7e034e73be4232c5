package stratum

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

var noon = time.Unix(1_700_000_000, 0)

func job(t testing.TB, height int32, bits uint32, layers ...work.Layer) *work.Job {
	t.Helper()
	p := template.Parts{Prev: spv.Hash{byte(height), 1, 2, 3, 4, 5}, Height: height, Version: 0x20000000, Bits: bits, Time: 1_700_000_000,
		MinTime: 1_699_999_000, Outputs: []template.Output{{Value: 50, Script: []byte{0x51}}}}
	for i := range byte(5) {
		p.Txs = append(p.Txs, template.Included{Raw: []byte{i}, ID: spv.Hash{i, 9}, WitnessID: spv.Hash{i, 9}})
	}
	tpl, err := template.Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	j, err := work.NewJob(pow.SHA256d, tpl, layers)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func layer(id int32, bits uint) work.Layer {
	l := work.Layer{Chain: "layer", ID: id, Hash: spv.Hash{byte(id)}}
	l.Target.SetAllOne()
	l.Target.Rsh(&l.Target, bits)
	return l
}

// minDiff lets every tenth hash or so be a share.
const minDiff = 1. / (1 << 29)

func options(board *work.Board) Options {
	return Options{Submit: board.Submit, Pace: Pace{Start: minDiff, Least: minDiff, Every: 10 * time.Second}}
}

// miner is a mining program of the simplest kind, written from the protocol's description and with nothing of ours: it
// takes lines and remembers what they say.
type miner struct {
	extra1     []byte
	extra2     int
	difficulty float64
	notify     []any
	answers    map[float64]map[string]any
}

func (m *miner) take(t testing.TB, lines []byte) {
	t.Helper()
	for line := range strings.Lines(string(lines)) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		switch v["method"] {
		case "mining.set_difficulty":
			m.difficulty = v["params"].([]any)[0].(float64)
		case "mining.notify":
			m.notify = v["params"].([]any)
		case nil:
			if m.answers == nil {
				m.answers = map[float64]map[string]any{}
			}
			id, _ := v["id"].(float64)
			m.answers[id] = v
			if r, ok := v["result"].([]any); ok && len(r) == 3 {
				m.extra1 = unhex(t, r[1].(string))
				m.extra2 = int(r[2].(float64))
			}
		default:
			t.Fatalf("line %q", line)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sha256d(b []byte) []byte {
	one := sha256.Sum256(b)
	two := sha256.Sum256(one[:])
	return two[:]
}

// header puts an 80-byte header together as mining programs do: fields as words, then every word turned around.
func (m *miner) header(t testing.TB, extra2 []byte, version, nonce uint32) []byte {
	coinbase := slices.Concat(unhex(t, m.notify[2].(string)), m.extra1, extra2, unhex(t, m.notify[3].(string)))
	root := sha256d(coinbase)
	for _, sibling := range m.notify[4].([]any) {
		root = sha256d(append(root, unhex(t, sibling.(string))...))
	}
	words := binary.BigEndian.AppendUint32(nil, version)
	words = append(words, unhex(t, m.notify[1].(string))...)
	for i := 0; i < 32; i += 4 {
		words = binary.BigEndian.AppendUint32(words, binary.LittleEndian.Uint32(root[i:]))
	}
	words = append(words, unhex(t, m.notify[7].(string))...)
	words = append(words, unhex(t, m.notify[6].(string))...)
	words = binary.BigEndian.AppendUint32(words, nonce)
	for i := 0; i < 80; i += 4 {
		slices.Reverse(words[i : i+4])
	}
	return words
}

// find searches a share that meets a difficulty, or one that does not.
func (m *miner) find(t testing.TB, extra2 []byte, difficulty float64, want bool) string {
	target := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(0xffff), 208))
	target.Quo(target, big.NewFloat(difficulty))
	version := binary.BigEndian.Uint32(unhex(t, m.notify[5].(string)))
	for nonce := uint32(0); ; nonce++ {
		hash := sha256d(m.header(t, extra2, version, nonce))
		slices.Reverse(hash)
		if (new(big.Float).SetInt(new(big.Int).SetBytes(hash)).Cmp(target) <= 0) == want {
			return fmt.Sprintf("%08x", nonce)
		}
	}
}

// desk is a session with a miner at it.
type desk struct {
	*testing.T
	s     *Session
	m     miner
	now   time.Time
	board *work.Board
	taken []*work.Solution
	id    int
}

func newDesk(t *testing.T, change func(*Options)) *desk {
	d := &desk{T: t, now: noon}
	d.board = work.NewBoard(func(s *work.Solution) { d.taken = append(d.taken, s) })
	o := options(d.board)
	if change != nil {
		change(&o)
	}
	s, err := NewSession(o, [4]byte{7, 0, 0, 1}, noon)
	if err != nil {
		t.Fatal(err)
	}
	d.s = s
	return d
}

// ask sends a request and returns the answer.
func (d *desk) ask(method string, params ...any) map[string]any {
	d.Helper()
	d.id++
	if params == nil {
		params = []any{}
	}
	line, err := json.Marshal(map[string]any{"id": d.id, "method": method, "params": params})
	if err != nil {
		d.Fatal(err)
	}
	out, err := d.s.Line(d.now, line)
	if err != nil {
		d.Fatalf("%s: %v", method, err)
	}
	d.m.take(d, out)
	return d.m.answers[float64(d.id)]
}

func (d *desk) enter(jobs ...*work.Job) {
	d.ask("mining.subscribe", "test/1.0")
	d.ask("mining.authorize", "worker", "x")
	for _, j := range jobs {
		d.board.Post(j)
		d.m.take(d, d.s.Post(j))
	}
}

// code returns the error code of an answer, 0 for none.
func code(answer map[string]any) int {
	if e, ok := answer["error"].([]any); ok {
		return int(e[0].(float64))
	}
	return 0
}

// TestSession mines through the protocol: what an independent miner finds is what the job says.
func TestSession(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Pace.Start = 1 })
	j := job(t, 5, 0x1d00ffff, layer(0x4c00, 200), layer(0x4c01, 6))
	d.enter(j)
	if d.m.extra2 != 8 || !slices.Equal(d.m.extra1, []byte{7, 0, 0, 1}) {
		t.Fatalf("extranonce %x and %d bytes", d.m.extra1, d.m.extra2)
	}
	if d.m.difficulty > 1./(1<<26) { // the second layer's target is 2^250
		t.Fatalf("difficulty %g hides a layer's target", d.m.difficulty)
	}
	extra2 := []byte("12345678")
	nonce := d.m.find(t, extra2, d.m.difficulty/underOpen, true)
	if a := d.ask("mining.submit", "worker", d.m.notify[0], hex.EncodeToString(extra2), d.m.notify[7], nonce); a["result"] != true {
		t.Fatalf("share: %v", a)
	}
	if len(d.taken) != 1 || !slices.Equal(d.taken[0].Layers, []int{1}) || d.taken[0].Parent {
		t.Fatalf("solutions %+v", d.taken)
	}
	found := d.taken[0]
	if want := d.m.header(t, extra2, 0x20000000, found.Share.Nonce); string(want) != string(found.Header[:]) {
		t.Fatalf("header %x, the miner hashed %x", found.Header, want)
	}
	rules := &spv.AuxRules{ChainID: 0x4c01, StrictID: true, IndexZero: true, Layer: true}
	if err := rules.CheckProof(j.Layers[1].Hash, 0x4c01, found.Proof(1), nil); err != nil {
		t.Fatal(err)
	}
}

// TestSubmitRefuses spoils one parameter of a share, and what comes before it.
func TestSubmitRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(d *desk, p []any) []any
		want  int
	}{
		{"nothing", func(_ *desk, p []any) []any { return p }, 0},
		{"again", func(d *desk, p []any) []any { d.ask("mining.submit", p...); return p }, codeDuplicate},
		{"again under a new id of the job", func(d *desk, p []any) []any {
			d.ask("mining.submit", p...)
			d.ask("mining.suggest_difficulty", 2*minDiff)
			p[1] = d.m.notify[0]
			return p
		}, codeDuplicate},
		{"unknown job", func(_ *desk, p []any) []any { p[1] = "ff"; return p }, codeStale},
		{"parent chain moved", func(d *desk, p []any) []any { d.s.Post(job(d, 6, 0x1d00ffff)); return p }, codeStale},
		{"layer moved", func(d *desk, p []any) []any { d.s.Post(job(d, 5, 0x1d00ffff, layer(1, 255))); return p }, 0},
		{"no job any more", func(d *desk, p []any) []any { d.s.Post(nil); return p }, codeStale},
		{"too many jobs since", func(d *desk, p []any) []any {
			for range maxJobs {
				d.s.Post(job(d, 5, 0x1d00ffff))
			}
			return p
		}, codeStale},
		{"difficulty", func(d *desk, p []any) []any { p[4] = d.m.find(d, []byte("12345678"), d.m.difficulty, false); return p }, codeLow},
		{"short extranonce", func(_ *desk, p []any) []any { p[2] = "00"; return p }, codeOther},
		{"time", func(_ *desk, p []any) []any { p[3] = "00000000"; return p }, codeOther},
		{"time of nine digits", func(_ *desk, p []any) []any { p[3] = "000000000"; return p }, codeOther},
		{"nonce", func(_ *desk, p []any) []any { p[4] = "x"; return p }, codeOther},
		{"nonce that is a number", func(_ *desk, p []any) []any { p[4] = 5; return p }, codeOther},
		{"version bits without leave", func(_ *desk, p []any) []any { return append(p, "00002000") }, codeOther},
		{"missing parameter", func(_ *desk, p []any) []any { return p[:4] }, codeOther},
		{"long name", func(_ *desk, p []any) []any { p[0] = strings.Repeat("x", maxText+1); return p }, codeOther},
		{"magic", func(_ *desk, p []any) []any { p[2] = "fabe6d6d00000000"; return p }, codeOther},
	} {
		d := newDesk(t, nil)
		d.enter(job(t, 5, 0x1d00ffff, layer(1, 255)))
		nonce := d.m.find(t, []byte("12345678"), d.m.difficulty, true)
		p := c.spoil(d, []any{"worker", d.m.notify[0], hex.EncodeToString([]byte("12345678")), d.m.notify[7], nonce})
		if a := d.ask("mining.submit", p...); code(a) != c.want {
			t.Errorf("%s: %v, want code %d", c.name, a, c.want)
		}
	}
	d := newDesk(t, nil)
	if a := d.ask("mining.submit", "w", "1", "", "", ""); code(a) != codeNotSubscribed {
		t.Errorf("not subscribed: %v", a)
	}
	d.ask("mining.subscribe")
	if a := d.ask("mining.submit", "w", "1", "", "", ""); code(a) != codeUnauthorized {
		t.Errorf("not authorized: %v", a)
	}
	if d.s.Post(job(t, 1, 0x1d00ffff)) != nil {
		t.Error("a job for somebody who was not let in")
	}
}

// TestVersionRolling rolls bits within and outside of the mask.
func TestVersionRolling(t *testing.T) {
	d := newDesk(t, nil)
	a := d.ask("mining.configure", []string{"version-rolling", "minimum-difficulty"}, map[string]any{
		"version-rolling.mask": "ffffffff", "version-rolling.min-bit-count": 2})
	result := a["result"].(map[string]any)
	if result["version-rolling"] != true || result["version-rolling.mask"] != "1fffe000" || result["minimum-difficulty"] != false {
		t.Fatalf("%v", a)
	}
	d.enter(job(t, 5, 0x1d00ffff))
	extra2 := make([]byte, 8)
	for _, c := range []struct {
		bits uint32
		want bool
	}{{0x00002000, true}, {0x1fffe000, true}, {0, true}, {0x20000000, false}, {0x100, false}} {
		for nonce := uint32(0); ; nonce++ {
			hash := sha256d(d.m.header(t, extra2, 0x20000000&^0x1fffe000|c.bits, nonce))
			target := targetOf(pow.SHA256d, d.m.difficulty)
			if h := spv.Hash(hash); !spv.Meets(&h, &target) {
				continue
			}
			a := d.ask("mining.submit", "worker", d.m.notify[0], hex.EncodeToString(extra2), d.m.notify[7], fmt.Sprintf("%08x", nonce),
				fmt.Sprintf("%08x", c.bits))
			if (a["result"] == true) != c.want {
				t.Errorf("bits %08x: %v", c.bits, a)
			}
			break
		}
	}
	if a := d.ask("mining.submit", "worker", d.m.notify[0], hex.EncodeToString(extra2), d.m.notify[7], "00000000"); code(a) != codeOther {
		t.Errorf("without version bits: %v", a)
	}
	for _, bad := range [][]any{{}, {5}, {[]string{"version-rolling"}, 5}, {[]string{"version-rolling"}, map[string]any{"version-rolling.mask": "x"}}} {
		if a := d.ask("mining.configure", bad...); code(a) != codeOther {
			t.Errorf("%v: %v", bad, a)
		}
	}
}

func TestAuthorize(t *testing.T) {
	d := newDesk(t, func(o *Options) {
		o.Authorize = func(user, password string) bool { return user == "me" && password == "secret" }
	})
	d.ask("mining.subscribe")
	for _, c := range []struct {
		params []any
		want   int
	}{{[]any{}, codeUnauthorized}, {[]any{"", "secret"}, codeUnauthorized}, {[]any{"me", "else"}, codeUnauthorized}, {[]any{"me"}, codeUnauthorized},
		{[]any{"me", "secret"}, 0}} {
		if a := d.ask("mining.authorize", c.params...); code(a) != c.want || strings.Contains(fmt.Sprint(a), "secret") {
			t.Errorf("%v: %v, want code %d", c.params, a, c.want)
		}
	}
}

// TestVardiff lets miners of several speeds find shares until the pace fits.
func TestVardiff(t *testing.T) {
	for _, rate := range []float64{1e3, 1e6, 1e9, 1e14} { // hashes per second
		v := vardiff{pace: Pace{Start: 1, Least: 1e-9, Every: 10 * time.Second}, value: 1, since: noon}
		now := noon
		for range 400 {
			gap := v.value * (1 << 32) / rate // seconds from share to share
			if gap > 120 {
				now = now.Add(120 * time.Second)
			} else {
				now = now.Add(time.Duration(gap * float64(time.Second)))
				v.shares++
			}
			v.look(now)
		}
		if gap := v.value * (1 << 32) / rate; gap < 10/paceSlack*.99 || gap > 10*paceSlack*1.3 {
			t.Errorf("%g hashes a second: a share every %g s at difficulty %g", rate, gap, v.value)
		}
	}
}

// TestDifficultyFollows: a fast miner's difficulty grows, but never beyond what solves a chain, and it does not run away
// meanwhile.
func TestDifficultyFollows(t *testing.T) {
	d := newDesk(t, nil)
	d.enter(job(t, 5, 0x1d00ffff))
	before := d.m.difficulty
	d.s.pace.shares = 1000
	d.now = d.now.Add(time.Second)
	d.m.take(t, d.s.Tick(d.now))
	if d.m.difficulty != paceStep*before {
		t.Errorf("difficulty %g after %g", d.m.difficulty, before)
	}
	d.m.take(t, d.s.Post(job(t, 5, 0x1d00ffff, layer(1, 1))))
	easy := d.m.difficulty
	for range 200 {
		d.s.pace.shares = 1000
		d.now = d.now.Add(time.Second)
		d.m.take(t, d.s.Tick(d.now))
	}
	if d.m.difficulty != easy || d.s.pace.value > paceStep*easy {
		t.Errorf("difficulty %g, behind it %g, with a chain at %g", d.m.difficulty, d.s.pace.value, easy)
	}
	d.now = d.now.Add(time.Hour)
	if out := d.s.Tick(d.now); out == nil {
		t.Error("an hour without shares changes nothing")
	}
}

// TestTargets compares difficulties with their definition in whole numbers.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		algorithm  pow.Algorithm
		difficulty float64
		want       string
	}{
		{pow.SHA256d, 1, "ffff0000000000000000000000000000000000000000000000000000"},
		{pow.SHA256d, 0.5, "1fffe0000000000000000000000000000000000000000000000000000"},
		{pow.SHA256d, 65536, "ffff000000000000000000000000000000000000000000000000"},
		{pow.Scrypt, 65536, "ffff0000000000000000000000000000000000000000000000000000"},
		{pow.SHA256d, 1e-30, strings.Repeat("f", 64)},
		{pow.SHA256d, 1e300, "0"},
	} {
		got := targetOf(c.algorithm, c.difficulty)
		if want := uint256.MustFromHex("0x" + c.want); got != *want {
			t.Errorf("%s, %g: %s, want %s", c.algorithm, c.difficulty, got.Hex(), want.Hex())
		}
		if back := difficultyOf(c.algorithm, &got); c.difficulty > 1e-9 && c.difficulty < 1e9 && (back/c.difficulty > 1.0001 || back/c.difficulty < .9999) {
			t.Errorf("%g: %g", c.difficulty, back)
		}
	}
}

func TestLineRefuses(t *testing.T) {
	for _, line := range []string{"", "{", "[]", "5", `{"method":5}`, `{"method":"x","params":{}}`, strings.Repeat(" ", MaxLine+1)} {
		d := newDesk(t, nil)
		if _, err := d.s.Line(noon, []byte(line)); err == nil {
			t.Errorf("%.20q goes on", line)
		}
	}
	d := newDesk(t, nil)
	if a := d.ask("mining.unknown"); code(a) != codeOther {
		t.Errorf("unknown method: %v", a)
	}
	if out, err := d.s.Line(noon, []byte(`{"id":1,"result":true}`)); out != nil || err != nil {
		t.Errorf("an answer is answered: %q, %v", out, err)
	}
	d.enter(job(t, 1, 0x1d00ffff))
	for i := range maxRefused + 1 {
		line := []byte(`{"id":1,"method":"mining.submit","params":["w","ff","","",""]}`)
		if _, err := d.s.Line(noon, line); (err != nil) != (i == maxRefused) {
			t.Fatalf("bad share %d: %v", i, err)
		}
	}
}

func TestOptionsRefuse(t *testing.T) {
	for _, p := range []Pace{{}, {Start: 1, Least: 2, Every: time.Second}, {Start: 1, Least: 1}, {Start: 1, Least: 0, Every: time.Second}} {
		if _, err := NewSession(Options{Pace: p}, [4]byte{}, noon); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"id":1,"method":"mining.subscribe","params":[]}` + "\n" + `{"id":2,"method":"mining.authorize","params":["a","b"]}` + "\n" +
		`{"id":3,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000"}]}` + "\n" +
		`{"id":4,"method":"mining.submit","params":["a","1","0000000000000000","6553f100","00000000","00002000"]}` + "\n" +
		`{"id":5,"method":"mining.suggest_difficulty","params":[1e-9]}`))
	j := job(f, 5, 0x1d00ffff, layer(1, 2))
	board := work.NewBoard(func(*work.Solution) {})
	f.Fuzz(func(t *testing.T, lines []byte) {
		s, err := NewSession(options(board), [4]byte{1}, noon)
		if err != nil {
			t.Fatal(err)
		}
		s.Post(j)
		for line := range strings.Lines(string(lines)) {
			out, err := s.Line(noon, []byte(line))
			if err != nil {
				return
			}
			for answer := range strings.Lines(string(out)) {
				if !json.Valid([]byte(answer)) || !strings.HasSuffix(answer, "\n") {
					t.Fatalf("line %q is answered with %q", line, answer)
				}
			}
		}
	})
}
