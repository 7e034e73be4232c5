package present

import (
	"strconv"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// NodePhase is how the bundled full node is. The set is closed.
type NodePhase string

// The phases of a node.
const (
	NodeAbsent   NodePhase = "absent"   // its program did not come with this one
	NodeStopped  NodePhase = "stopped"  // it is not wanted
	NodeStarting NodePhase = "starting" // it was started and has not answered yet
	NodeRunning  NodePhase = "running"
	NodeFailed   NodePhase = "failed" // it is wanted and has ended, or could not be started: Why
)

// Node is what is known of the bundled full node.
type Node struct {
	Phase   NodePhase
	Why     string // of NodeFailed, in the node's words
	Foreign bool   // another program started it, and is to end it
	Stack   string // name of its L1

	Mining   bool
	HashRate float64 // per second, of the processor
	Uptime   int64   // seconds; 0: not known
	Stratum  string  // where mining hardware connects, host:port; empty: nowhere
	Chains   []NodeChain
	Log      []string // its last lines, oldest first
}

// NodeChain is one chain of a node. Amounts are base units, traffic bytes since the start.
type NodeChain struct {
	Name            string
	Height, Headers int32 // best block, best header
	Synced          bool
	Peers           int
	Received, Sent  int64
	Mined           bool
	Waiting         string // why it is not mined; empty: it is, or is not to be
	Blocks, Stale   int    // found here since the start: on the best chain, and not
	Refused         int
	Revenue         int64
	Symbol          string
	Decimals        int
}

// NodeState says in one sentence how the node is.
func (x *Texts) NodeState(n *Node) string {
	switch n.Phase {
	case NodeAbsent:
		return x.t("The program lamina, which is the node, is not beside this one.")
	case NodeStarting:
		return x.t("The node is starting.")
	case NodeRunning:
		if n.Uptime > 0 {
			return x.t("The node has been running for {{.Time}}.", words{"Time": x.span(n.Uptime)})
		}
		return x.t("The node is running.")
	case NodeFailed:
		return x.t("The node has stopped: {{.Why}}", words{"Why": x.quoted(n.Why)})
	}
	return x.t("The node is not running.")
}

// maxWhy is how much of a node's words are shown in a line, in letters.
const maxWhy = 300

// NodeNext says what the state means and what can be done.
func (x *Texts) NodeNext(n *Node) string {
	switch {
	case n.Phase == NodeAbsent:
		return x.t("Put it into the same folder, or install the package that holds it. The wallet works without it.")
	case n.Phase == NodeFailed:
		return x.t("Your money is not affected: the wallet goes on with other peers. Read its last lines below, then start it again.")
	case n.Foreign:
		return x.t("Another program started it, and ends it.")
	case n.Phase == NodeRunning:
		return x.t("The wallet is connected to it. It ends with this program.")
	}
	return ""
}

// NodeMining returns what mining does, in rows.
func (x *Texts) NodeMining(n *Node, title func(string) string) []Row {
	var s Section
	if !n.Mining {
		s.add(x.t("State"), x.t("Nothing is mined here."))
		return s.Rows
	}
	s.add(x.t("Hash rate"), x.t("{{.Rate}} per second", words{"Rate": hashes(n.HashRate)}))
	if n.Stratum != "" {
		s.Rows = append(s.Rows, Row{Label: x.t("Mining hardware connects to"), Value: n.Stratum, Mono: true})
	}
	for i := range n.Chains {
		s.add(title(n.Chains[i].Name), x.mined(&n.Chains[i]))
	}
	return s.Rows
}

func (x *Texts) mined(c *NodeChain) string {
	if c.Waiting != "" {
		return x.t("Not mined: {{.Why}}", words{"Why": x.quoted(c.Waiting)})
	}
	if !c.Mined {
		return x.t("Not mined here.")
	}
	text := x.t("{{.N}} blocks found, {{.Amount}}", words{"N": number(c.Blocks),
		"Amount": x.Amount(c.Revenue, app.Unit{Symbol: c.Symbol, Decimals: c.Decimals})})
	if c.Stale > 0 {
		text += ". " + x.t("Too late: {{.N}}", words{"N": number(c.Stale)})
	}
	if c.Refused > 0 {
		text += ". " + x.t("Refused: {{.N}}", words{"N": number(c.Refused)})
	}
	return text
}

// NodeChains returns where the node's chains stand, in rows.
func (x *Texts) NodeChains(n *Node, title func(string) string) []Row {
	var s Section
	for i := range n.Chains {
		c := &n.Chains[i]
		stand := x.t("Block {{.N}}", words{"N": number(c.Height)})
		if c.Headers > c.Height {
			stand = x.t("Block {{.N}} of {{.All}}", words{"N": number(c.Height), "All": number(c.Headers)})
		}
		if c.Synced {
			stand += ", " + x.t("the newest")
		}
		s.add(title(c.Name), stand+". "+x.t("Peers: {{.N}}.", words{"N": c.Peers})+" "+
			x.t("Received {{.In}}, sent {{.Out}}.", words{"In": size(int(c.Received)), "Out": size(int(c.Sent))}))
	}
	return s.Rows
}

// NodeLog returns the node's last lines, each cut to a length that can be laid out.
func NodeLog(n *Node) string {
	lines := make([]string, 0, len(n.Log))
	for _, line := range n.Log {
		lines = append(lines, cut(line, maxWhy))
	}
	return strings.Join(lines, "\n")
}

// hashes writes a number of hashes with the letter of its thousands: 1.2 MH.
func hashes(n float64) string {
	letters := " kMGTPE"
	at := 0
	for n >= 1000 && at < len(letters)-1 {
		n, at = n/1000, at+1
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " " + strings.TrimSpace(letters[at:at+1]) + "H"
}
