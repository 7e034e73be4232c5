package present

import (
	"math"

	"github.com/layeredpow/lamina/internal/app"
)

// Status is the strip at the foot of the window.
type Status struct {
	Line  string // how far the chains are
	Alarm string // what matters most; empty: nothing does
}

// Status says in one line how far the chains are: of the one that is furthest behind.
func (x *Texts) Status(states []app.ChainState) Status {
	if len(states) == 0 {
		return Status{Line: x.t("No chain is followed.")}
	}
	behind := 0
	for i, s := range states {
		if !s.Trust.Synced && (states[behind].Trust.Synced || s.Share < states[behind].Share) {
			behind = i
		}
	}
	return Status{Line: x.SyncLine(&states[behind]), Alarm: x.alarm(states)}
}

// SyncLine says in one line how far a chain is.
func (x *Texts) SyncLine(s *app.ChainState) string {
	line := x.stage(s)
	if !s.Trust.Synced && s.Stage != "offline" {
		if s.Share > 0 {
			line += ", " + percent(s.Share)
		}
		if s.ETA != nil {
			line += ", " + x.t("{{.Time}} left", words{"Time": x.span(*s.ETA)})
		}
	}
	if s.Stage == "offline" {
		return line + "."
	}
	return line + ". " + x.t("Peers: {{.N}}.", words{"N": s.Trust.Peers})
}

// Height says in few words how high a chain is.
func (x *Texts) Height(s *app.ChainState) string {
	if s.Trust.Tip.Height == 0 {
		return x.t("no block known yet")
	}
	return x.t("Block {{.N}}", words{"N": number(s.Trust.Tip.Height)})
}

// stage says what is being done for a chain.
func (x *Texts) stage(s *app.ChainState) string {
	title := words{"Chain": s.Title}
	if s.Trust.Synced {
		return x.t("{{.Chain}} is synced", title)
	}
	switch s.Stage {
	case "offline":
		return x.t("Offline: {{.Chain}} as of the last run", title)
	case "connecting":
		return x.t("Looking for peers of {{.Chain}}", title)
	case "sampling":
		return x.t("Checking a sampled proof of {{.Chain}}", title)
	case "presync":
		return x.t("Weighing the work of {{.Chain}}", title)
	case "headers":
		return x.t("Checking headers of {{.Chain}}", title)
	case "filter headers", "filters":
		return x.t("Fetching filters of {{.Chain}}", title)
	case "blocks":
		return x.t("Looking through blocks of {{.Chain}}", title)
	}
	return x.t("Following {{.Chain}}", title)
}

// alarm returns the one thing about the chains that the owner should know.
func (x *Texts) alarm(states []app.ChainState) string {
	for _, s := range states {
		if s.Disputed > 0 {
			return x.t("{{.Chain}}: peers dispute {{.N}} blocks; the balance may lack something.",
				words{"Chain": s.Title, "N": s.Disputed})
		}
	}
	for _, s := range states {
		if s.Trust.Peers == 0 && s.Stage != "offline" {
			return x.t("{{.Chain}}: no peer.", words{"Chain": s.Title})
		}
	}
	return ""
}

// Sync returns how far a chain is, in rows.
func (x *Texts) Sync(s *app.ChainState) Section {
	out := Section{Title: x.t("Synchronisation")}
	out.add(x.t("State"), x.SyncLine(s))
	switch {
	case s.Trust.Tip.Height == 0 && !s.Trust.Synced:
		out.add(x.t("Highest checked header"), x.t("no block known yet"))
	case s.Trust.TipTime.Unix() > 0:
		out.add(x.t("Highest checked header"), x.t("{{.N}}, {{.Time}}", words{"N": number(s.Trust.Tip.Height),
			"Time": x.when(s.Trust.TipTime)}))
	}
	out.add(x.t("Money is known up to"), x.upTo(&s.Trust))
	if s.Trust.FilterSource != "" {
		out.add(x.t("Looked through by"), x.say(s.Trust.FilterSaid, s.Trust.FilterSource))
	}
	if t := &s.Trust; t.Sampled > 0 {
		out.add(x.t("History checked by sample"), x.t("up to block {{.N}}; that one with less than half of its work passes: {{.Chance}}",
			words{"N": number(t.Sampled), "Chance": x.chance(math.Ldexp(1, -t.SampledBits))}))
	}
	out.add(x.t("Peers with filters"), number(s.FilterPeers))
	if s.Looked > 0 {
		out.add(x.t("Blocks looked through"), x.t("{{.N}}, of them {{.False}} for nothing",
			words{"N": number(s.Looked), "False": number(s.FalseMatches)}))
	}
	if s.Disputed > 0 {
		out.add(x.t("Disputed blocks"), number(s.Disputed))
	}
	out.add(x.t("Received"), size(int(s.Received)))
	if s.Claimed > s.Trust.Tip.Height {
		out.add(x.t("Highest block by a peer's word"), number(s.Claimed))
	}
	if s.Waiting != "" {
		out.add(x.t("Waiting for"), x.say(s.WaitingSaid, s.Waiting))
	}
	if s.Trouble != "" {
		out.add(x.t("Last trouble with a peer"), x.quoted(s.Trouble))
	}
	return out
}

// upTo says up to which block money is known.
func (x *Texts) upTo(t *app.Trust) string {
	if t.Scanned.Height < 0 {
		return x.t("not known yet")
	}
	return x.t("Block {{.N}}", words{"N": number(t.Scanned.Height)})
}

// Trust says in a sentence or two how far an answer about money can be relied on.
func (x *Texts) Trust(t *app.Trust) string {
	if t.Sampled > 0 {
		return x.known(t) + " " + x.sampled(t)
	}
	return x.known(t)
}

// sampled says what of a chain's history rests on a sample.
func (x *Texts) sampled(t *app.Trust) string {
	return x.t("The history up to block {{.N}} is sampled only.", words{"N": number(t.Sampled)})
}

// known says up to where money is known.
func (x *Texts) known(t *app.Trust) string {
	switch {
	case t.Scanned.Height < 0:
		return x.t("Not looked through yet: what is there is not known.")
	case t.Verified:
		return x.t("Checked up to block {{.N}}, the newest.", words{"N": number(t.Scanned.Height)})
	case t.Offline:
		return x.t("As of block {{.N}}, {{.Time}} old. The network is not asked.",
			words{"N": number(t.Scanned.Height), "Time": x.span(t.Age)})
	}
	return x.t("Known up to block {{.N}}; what came later is not in it yet.", words{"N": number(t.Scanned.Height)})
}
