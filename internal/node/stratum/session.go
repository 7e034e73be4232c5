package stratum

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/layeredpow/lamina/internal/node/template"
	"github.com/layeredpow/lamina/internal/node/work"
	"github.com/layeredpow/lamina/spv"
)

const (
	// MaxLine is the longest line that is read, bytes.
	MaxLine = 8 << 10

	extraNonce1 = 4
	extraNonce2 = template.ExtraNonceSize - extraNonce1
	maxJobs     = 8      // of one connection that shares are taken for
	maxShares   = 20_000 // of one job and connection: a pace that was set lets nobody find so many
	maxRefused  = 200    // shares in a row
	maxText     = 256    // of a user's name or a program's, bytes
)

// The error codes of Stratum.
const (
	codeOther         = 20
	codeStale         = 21
	codeDuplicate     = 22
	codeLow           = 23
	codeUnauthorized  = 24
	codeNotSubscribed = 25
)

// Session is one miner's side of the protocol. It is not safe for concurrent use.
type Session struct {
	options    Options
	extra      [extraNonce1]byte
	mask       uint32 // version bits that the miner rolls
	subscribed bool
	authorized bool
	pace       vardiff

	current *work.Job
	jobs    []*posted // newest last
	count   uint64
	refused int // shares in a row
}

// Options are what sessions have in common.
type Options struct {
	// Submit judges a share and passes on what it solves, like work.Source's.
	Submit func(*work.Job, work.Share) (*work.Solution, error)
	// Authorize tells whether a name and password may mine; nil: everybody may.
	Authorize func(user, password string) bool
	Pace      Pace
}

func (o *Options) check() error {
	p := o.Pace
	if !(p.Least > 0 && p.Start >= p.Least && !math.IsInf(p.Start, 0)) || p.Every < 100*time.Millisecond {
		return fmt.Errorf("stratum: difficulty %g, at least %g, a share every %s: "+
			"want a start not below a least above 0, and 100ms or more", p.Start, p.Least, p.Every)
	}
	return nil
}

// posted is a job as one miner knows it.
type posted struct {
	id         string
	job        *work.Job
	difficulty float64
	seen       map[work.Share]struct{}
}

// NewSession begins a session whose extranonces begin with extra, which no other session of the same source may use.
func NewSession(o Options, extra [extraNonce1]byte, now time.Time) (*Session, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Session{options: o, extra: extra, pace: vardiff{pace: o.Pace, value: o.Pace.Start, since: now}}, nil
}

// Ready tells whether the miner has subscribed and been let in.
func (s *Session) Ready() bool { return s.subscribed && s.authorized }

// request is a line from a miner.
type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// refusal is an error that the miner is told of.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return r.text }

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

// Line takes one line, without its end, and returns the lines to send. An error ends the connection.
func (s *Session) Line(now time.Time, line []byte) ([]byte, error) {
	if len(line) > MaxLine {
		return nil, fmt.Errorf("line of more than %d bytes", MaxLine)
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("line of %d bytes: no request", len(line)) // it may hold a password
	}
	if r.Method == "" {
		return nil, nil // an answer to what needs none
	}
	result, after, no := s.handle(now, &r)
	out, err := answer(r.ID, result, no)
	if err != nil {
		return nil, err
	}
	if s.refused > maxRefused {
		return nil, fmt.Errorf("more than %d shares in a row refused, the last one: %s", maxRefused, no.text)
	}
	return append(out, after...), nil
}

// handle returns the result, the lines to send behind it, and a refusal instead of a result.
func (s *Session) handle(now time.Time, r *request) (result any, after []byte, no *refusal) {
	switch r.Method {
	case "mining.subscribe":
		s.subscribed = true
		id := hex.EncodeToString(s.extra[:])
		result = []any{[]any{[]string{"mining.set_difficulty", id}, []string{"mining.notify", id}}, id, extraNonce2}
		return result, s.begin(now), nil
	case "mining.authorize":
		if no = s.authorize(r.Params); no != nil {
			return nil, nil, no
		}
		return true, s.begin(now), nil
	case "mining.configure":
		result, no = s.configure(r.Params)
		return result, nil, no
	case "mining.extranonce.subscribe":
		return true, nil, nil // they never change
	case "mining.suggest_difficulty":
		return s.suggest(now, r.Params)
	case "mining.submit":
		if no = s.submit(r.Params); no != nil {
			s.refused++
			return nil, nil, no
		}
		s.refused = 0
		s.pace.shares++
		return true, s.Tick(now), nil
	}
	return nil, nil, refuse(codeOther, "unknown method %.60q", r.Method)
}

// answer writes the line that answers a request.
func answer(id json.RawMessage, result any, no *refusal) ([]byte, error) {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	a := struct {
		ID     json.RawMessage `json:"id"`
		Result any             `json:"result"`
		Error  any             `json:"error"`
	}{ID: id, Result: result}
	if no != nil {
		a.Result, a.Error = nil, []any{no.code, no.text, nil}
	}
	line, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return append(line, '\n'), nil
}

// notify writes a line that needs no answer. Its parameters are ours and always encode.
func notify(method string, params ...any) []byte {
	line, err := json.Marshal(map[string]any{"id": nil, "method": method, "params": params})
	if err != nil {
		panic("stratum: " + err.Error())
	}
	return append(line, '\n')
}

func (s *Session) authorize(params []json.RawMessage) *refusal {
	user, ok := text(params, 0)
	if !ok || user == "" {
		return refuse(codeUnauthorized, "authorize: want a name of at most %d bytes", maxText)
	}
	password, _ := text(params, 1)
	if s.options.Authorize != nil && !s.options.Authorize(user, password) {
		return refuse(codeUnauthorized, "name or password is refused")
	}
	s.authorized = true
	return nil
}

// configure grants version rolling (BIP310) and nothing else.
func (s *Session) configure(params []json.RawMessage) (any, *refusal) {
	var names []string
	if len(params) < 1 || json.Unmarshal(params[0], &names) != nil {
		return nil, refuse(codeOther, "configure: want a list of extensions")
	}
	var options struct {
		Mask string `json:"version-rolling.mask"`
		Bits int    `json:"version-rolling.min-bit-count"`
	}
	if len(params) > 1 && json.Unmarshal(params[1], &options) != nil {
		return nil, refuse(codeOther, "configure: options are malformed")
	}
	result := map[string]any{}
	for _, name := range names {
		if name != "version-rolling" {
			if len(name) <= maxText && len(result) < 16 {
				result[name] = false
			}
			continue
		}
		wanted := uint32(math.MaxUint32)
		if options.Mask != "" {
			m, ok := word(options.Mask)
			if !ok {
				return nil, refuse(codeOther, "configure: mask %.20q: want 8 hex digits", options.Mask)
			}
			wanted = m
		}
		s.mask = wanted & work.VersionMask
		result[name] = true
		result["version-rolling.mask"] = fmt.Sprintf("%08x", s.mask)
	}
	return result, nil
}

// suggest takes a miner's wish for its first difficulty.
func (s *Session) suggest(now time.Time, params []json.RawMessage) (any, []byte, *refusal) {
	var wish float64
	if len(params) != 1 || json.Unmarshal(params[0], &wish) != nil || !(wish > 0) {
		return nil, nil, refuse(codeOther, "suggest_difficulty: want one number above 0")
	}
	s.pace.value = max(wish, s.options.Pace.Least)
	s.pace.since, s.pace.shares = now, 0
	return true, s.post(false), nil
}

// submit judges a share: name, job, extranonce 2, time, nonce and, if versions are rolled, version bits.
func (s *Session) submit(params []json.RawMessage) *refusal {
	if !s.subscribed {
		return refuse(codeNotSubscribed, "not subscribed")
	}
	if !s.authorized {
		return refuse(codeUnauthorized, "not authorized")
	}
	var fields [6]string
	for i := range fields {
		if i == 5 && len(params) < 6 && s.mask == 0 {
			break
		}
		var ok bool
		if fields[i], ok = text(params, i); !ok {
			return refuse(codeOther, "submit: parameter %d of %d is missing or too long", i+1, len(params))
		}
	}
	var p *posted
	for _, known := range s.jobs {
		if known.id == fields[1] {
			p = known
		}
	}
	if p == nil {
		return refuse(codeStale, "job %.20q is not known or stale", fields[1])
	}
	share, no := s.share(p.job, fields)
	if no != nil {
		return no
	}
	if _, again := p.seen[share]; again {
		return refuse(codeDuplicate, "duplicate share")
	}
	if len(p.seen) >= maxShares {
		return refuse(codeOther, "more than %d shares of one job", maxShares)
	}
	found, err := s.options.Submit(p.job, share)
	if err != nil {
		return refuse(codeOther, "%v", err)
	}
	target := targetOf(p.job.Work, p.difficulty)
	if !found.Solved() && !spv.Meets(&found.Work, &target) {
		return refuse(codeLow, "low difficulty share: the hash is %s", found.Work)
	}
	p.seen[share] = struct{}{}
	return nil
}

// share reads the fields of a submission.
func (s *Session) share(j *work.Job, fields [6]string) (share work.Share, no *refusal) {
	extra, err := hex.DecodeString(fields[2])
	if err != nil || len(extra) != extraNonce2 {
		return share, refuse(codeOther, "extranonce2 %.40q: want %d bytes in hex", fields[2], extraNonce2)
	}
	copy(share.ExtraNonce[:], s.extra[:])
	copy(share.ExtraNonce[extraNonce1:], extra)
	var ok bool
	if share.Time, ok = word(fields[3]); !ok {
		return share, refuse(codeOther, "ntime %.20q: want 8 hex digits", fields[3])
	}
	if share.Nonce, ok = word(fields[4]); !ok {
		return share, refuse(codeOther, "nonce %.20q: want 8 hex digits", fields[4])
	}
	share.Version = j.Parent.Version
	if fields[5] != "" {
		bits, ok := word(fields[5])
		if !ok || bits&^s.mask != 0 {
			return share, refuse(codeOther, "version bits %.20q: want 8 hex digits within the mask %08x", fields[5], s.mask)
		}
		share.Version = int32(uint32(share.Version)&^s.mask | bits)
	}
	return share, nil
}

// text returns a parameter that is a string of reasonable length.
func text(params []json.RawMessage, i int) (string, bool) {
	var v string
	if i >= len(params) || json.Unmarshal(params[i], &v) != nil || len(v) > maxText {
		return "", false
	}
	return v, true
}

// word reads a number as Stratum writes it: big-endian in 8 hex digits, some programs put 0x before them.
func word(v string) (uint32, bool) {
	if len(v) == 10 && v[:2] == "0x" {
		v = v[2:]
	}
	n, err := strconv.ParseUint(v, 16, 32)
	return uint32(n), err == nil && len(v) == 8
}
