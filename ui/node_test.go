package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/layeredpow/lamina/ui/present"
)

func runningNode() present.Node {
	return present.Node{Phase: present.NodeRunning, Stack: "dev", Mining: true, HashRate: 1_234_567, Uptime: 7300, Chains: []present.NodeChain{
		{Name: "dev", Height: 1200, Headers: 1200, Synced: true, Peers: 3, Received: 5 << 20, Sent: 7 << 10, Mined: true, Blocks: 12, Stale: 1,
			Revenue: 60_000_000_000, Symbol: "TST", Decimals: 8},
		{Name: "dev-native", Height: 900, Headers: 1000, Mined: true, Waiting: "no peer is there", Symbol: "TST", Decimals: 8},
	}, Log: []string{"level=INFO msg=listening", "level=INFO msg=\"block mined\""}}
}

func TestNodeStates(t *testing.T) {
	long := strings.Repeat("x", 2000)
	tests := map[string]struct {
		node   present.Node
		want   []string
		hidden []string
	}{
		"absent":   {present.Node{Phase: present.NodeAbsent}, []string{"is not beside this one", "The wallet works without it"}, []string{"Start the node", "Mine with"}},
		"stopped":  {present.Node{Phase: present.NodeStopped}, []string{"The node is not running.", "Start the node", "Blocks pay to the wallet main."}, []string{"Stop the node"}},
		"starting": {present.Node{Phase: present.NodeStarting, Log: []string{"opening"}}, []string{"The node is starting.", "opening", "Stop the node"}, []string{"Start the node"}},
		"failed": {present.Node{Phase: present.NodeFailed, Why: "dev: the disk is full"}, []string{"The node has stopped: dev: the disk is full",
			"Your money is not affected", "Start the node"}, []string{"Stop the node"}},
		"running": {runningNode(), []string{"running for 2 h", "1.2 MH per second", "12 blocks found, 600 TST. Too late: 1", "Not mined: no peer is there",
			"Block 1\u202f200, the newest. Peers: 3. Received 5.0 MiB, sent 7.0 KiB.", "Block 900 of 1\u202f000", "block mined", "Stop the node"},
			[]string{"Start the node"}},
		"foreign": {present.Node{Phase: present.NodeRunning, Foreign: true}, []string{"Another program started it", "Nothing is mined here."}, []string{"Stop the node"}},
		"long":    {present.Node{Phase: present.NodeFailed, Why: long, Log: []string{long, "y"}}, []string{"y"}, nil},
	}
	for name, test := range tests {
		for _, size := range []fyne.Size{phone, desk} {
			t.Run(fmt.Sprintf("%s/%.0f", name, size.Width), func(t *testing.T) {
				m := newMoney()
				m.node = test.node
				b := newWalletBench(t, size, m)
				b.frame.open(nodeAt)
				b.pump()
				b.wantShown(test.want...)
				b.wantHidden(test.hidden...)
				b.wantWhole()
			})
		}
	}
}

func TestNodeIsOrdered(t *testing.T) {
	m := newMoney()
	m.node = present.Node{Phase: present.NodeStopped}
	b := newWalletBench(t, desk, m)
	b.frame.open(nodeAt)
	b.pump()
	b.node.mine.SetChecked(true)
	b.tap("Start the node")
	b.wantShown("Starting the node")
	m.node = runningNode()
	b.pump()
	o := m.config.Node
	if o == nil || !o.Mine || len(o.Payees) != 3 || !strings.HasPrefix(o.Payees["dev-issued"], "bcrt1") {
		t.Fatalf("ordered %+v", o)
	}
	b.wantShown("running for 2 h")
	b.node.mine.SetChecked(false)
	b.pump()
	if o := m.config.Node; o == nil || o.Mine || o.Payees != nil {
		t.Errorf("without mining: ordered %+v", o)
	}
	b.tap("Stop the node")
	m.node = present.Node{Phase: present.NodeStopped}
	b.pump()
	if m.config.Node != nil {
		t.Errorf("stopped: ordered %+v", m.config.Node)
	}
	b.wantShown("The node is not running.")
	// Another stack's L1 is mined with templates of its own node.
	m.config.Stack = "layer-regtest"
	b.frame.open(nodeAt)
	b.pump()
	b.wantShown("takes another node's templates")
	if !b.node.mine.Disabled() {
		t.Error("mining on a foreign L1 is offered")
	}
}

// TestNodeIsAskedWhileSeen: what does not tell by itself is asked again, but only while it
// is looked at.
func TestNodeIsAskedWhileSeen(t *testing.T) {
	m := newMoney()
	m.node = runningNode()
	b := newWalletBench(t, desk, m)
	b.pause = time.Millisecond
	b.frame.open(nodeAt)
	b.pump()
	for range 3 {
		(<-b.queue)() // the clock's
		b.pump()
	}
	if n := m.count("Node"); n < 4 {
		t.Errorf("asked %d times, want at least 4", n)
	}
	b.frame.open(coinsAt)
	b.pump()
	before := m.count("Node")
	b.node.askIfSeen()
	b.pump()
	if m.count("Node") != before {
		t.Error("the node is asked while another page is open")
	}
}
