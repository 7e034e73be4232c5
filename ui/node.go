package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/ui/present"
)

// NodeOrder says how the bundled full node is to run.
type NodeOrder struct {
	Mine   bool              `json:"mine,omitempty"`
	Payees map[string]string `json:"payees,omitempty"` // address that blocks pay, by chain
}

// nodeScreen starts and stops the bundled full node, and shows what it does. It asks the
// node again and again, but only while it can be seen.
type nodeScreen struct {
	ui      *UI
	content *fyne.Container

	state, next *widget.Label
	start       *button
	stop        *button
	mine        *check
	mineRow     fyne.CanvasObject
	payee       *widget.Label
	mining      *sectionCard
	chains      *sectionCard
	log         *widget.Label
	logCard     *panel
	progress    *progress

	node    present.Node
	asking  inquiry
	again   *time.Timer // asks anew
	setting bool        // the check is not ticked by the user
}

func newNodeScreen(u *UI) *nodeScreen {
	s := &nodeScreen{ui: u, state: body(""), next: caption(""), payee: caption(""), mining: newSectionCard(), chains: newSectionCard()}
	s.start = newIconButton(u, u.t("Start the node"), base.MediaPlayIcon(), func() { s.order(&NodeOrder{Mine: s.mine.Checked}) })
	s.start.Importance = widget.HighImportance
	s.stop = newIconButton(u, u.t("Stop the node"), base.MediaStopIcon(), func() { s.order(nil) })
	s.mine = newCheck("", func(on bool) {
		if !s.setting && s.node.Phase == present.NodeRunning {
			s.order(&NodeOrder{Mine: on})
		}
	})
	s.mineRow = wordyCheck(s.mine, u.t("Mine with this computer's processor"))
	s.log = value("", true)
	s.log.SizeName = base.SizeNameCaptionText
	s.logCard = newPanel(stack(0, strong(u.t("What the node writes")), s.log))
	s.progress = newProgress(u, nil)
	head := newPanel(stack(gap/2, stack(-overlap, s.state, s.next), s.mineRow, s.payee, inset(container.NewHBox(s.start, s.stop)),
		s.progress.content))
	content, _ := scrolled(container.New(&column{gap: gap, most: pageMost}, stack(-overlap, heading(u.t("Node")),
		caption(u.t("A full node checks every block, serves others and can mine. The wallet needs none."))), head,
		s.mining.panel, s.chains.panel, s.logCard))
	s.content = content
	s.progress.onChange = func() { content.Refresh() }
	s.show(present.Node{Phase: present.NodeAbsent})
	return s
}

func (s *nodeScreen) object() fyne.CanvasObject { return s.content }
func (s *nodeScreen) back()                     {}

// refresh asks how the node is.
func (s *nodeScreen) refresh(change) { s.ask() }

// ask has the node asked.
func (s *nodeScreen) ask() { s.asking.renew(s.look) }

// look asks the node, and again after a while if it lives and is looked at.
func (s *nodeScreen) look() {
	if s.again != nil {
		s.again.Stop()
	}
	ask(s.ui, &s.asking, s.ui.program.Node, func(n present.Node, err error) {
		if err != nil {
			s.progress.unanswered(err)
			return
		}
		s.progress.answered()
		s.show(n)
		lives := n.Phase == present.NodeRunning || n.Phase == present.NodeStarting
		if pause := s.ui.pause; lives && pause > 0 {
			s.again = time.AfterFunc(pause, func() { s.ui.do(s.askIfSeen) })
		}
	})
}

func (s *nodeScreen) askIfSeen() {
	if s.ui.ctx.Err() == nil && s.ui.frame.at == nodeAt && s.content.Visible() {
		s.ask()
	}
}

// show puts on the screen how the node is.
func (s *nodeScreen) show(n present.Node) {
	s.node = n
	u := s.ui
	setText(s.state, u.texts.NodeState(&n))
	setText(s.next, u.texts.NodeNext(&n))
	order := u.program.Config().Node
	s.setting = true
	s.mine.SetChecked(n.Mining || n.Phase != present.NodeRunning && order != nil && order.Mine)
	s.setting = false
	if s.minesHere() && !n.Foreign {
		s.mine.Enable()
	} else {
		s.mine.Disable()
	}
	setText(s.payee, s.payeeNote())
	lives := n.Phase == present.NodeRunning || n.Phase == present.NodeStarting
	show(s.start, !lives && n.Phase != present.NodeAbsent)
	show(s.stop, lives && !n.Foreign)
	show(s.mineRow, n.Phase != present.NodeAbsent)
	s.mining.set(present.Section{Title: u.t("Mining"), Rows: u.texts.NodeMining(&n, u.session.title)})
	s.chains.set(present.Section{Title: u.t("Chains"), Rows: u.texts.NodeChains(&n, u.session.title)})
	show(s.mining.panel, n.Phase == present.NodeRunning)
	show(s.chains.panel, len(n.Chains) > 0)
	if text := present.NodeLog(&n); text != s.log.Text {
		s.log.SetText(text)
	}
	show(s.logCard, len(n.Log) > 0)
	s.content.Refresh()
}

// comesWith says whether the bundled node runs a stack by itself, L1 included.
func (s *nodeScreen) comesWith(l1 string) bool {
	p, err := s.ui.rules.Chain(l1)
	return err == nil && p.Network == chains.Dev && s.node.Phase == present.NodeStopped
}

// startFirst starts the node for a new wallet on a stack that has no other, mining for it.
func (s *nodeScreen) startFirst() {
	if c := s.ui.program.Config(); c.Node == nil && s.comesWith(c.Stack) {
		s.order(&NodeOrder{Mine: true})
	}
}

// minesHere says whether the node makes blocks of the L1 itself: of a foreign one it wants
// another program's templates, which the command line names.
func (s *nodeScreen) minesHere() bool {
	p, err := s.ui.rules.Chain(s.ui.program.Config().Stack)
	return err == nil && p.Network == chains.Dev
}

// payeeNote says who is paid for blocks.
func (s *nodeScreen) payeeNote() string {
	switch w := s.ui.session.wallet(); {
	case s.node.Phase == present.NodeAbsent:
		return ""
	case !s.minesHere():
		return s.ui.t("Mining on this L1 takes another node's templates: the command line does it (lamina node).")
	case w == nil || w.WatchOnly:
		return s.ui.t("Blocks would pay anybody: there is no wallet to pay them to.")
	default:
		return s.ui.t("Blocks pay to the wallet {{.Wallet}}.", map[string]any{"Wallet": w.Name})
	}
}

// order has the node run as it is said, or end. The data folder is opened anew, so that
// the wallet connects to the node.
func (s *nodeScreen) order(o *NodeOrder) {
	if s.progress.stop != nil {
		return
	}
	u := s.ui
	doing := u.t("Stopping the node\u2026")
	if o != nil {
		doing = u.t("Starting the node\u2026")
	}
	s.progress.startWhole(doing)
	b, w := u.session.backend, u.session.wallet()
	run(u, func(ctx context.Context) (nothing, error) {
		if o == nil || !o.Mine || b == nil || w == nil || w.WatchOnly {
			return nothing{}, nil
		}
		var err error
		o.Payees, err = payees(ctx, b, w)
		return nothing{}, err
	}, func(_ nothing, err error) {
		if err != nil {
			s.progress.fail(err)
			return
		}
		c := u.program.Config()
		c.Node = o
		u.open(c, func(err error) {
			if err != nil {
				s.progress.fail(err)
				return
			}
			s.progress.stop = nil
			s.progress.clear()
			s.ask()
		})
	})
}

// payees returns an address of the wallet for every chain of it.
func payees(ctx context.Context, b app.Backend, w *app.Wallet) (map[string]string, error) {
	out := map[string]string{}
	for _, chain := range w.Chains {
		a, err := b.Receive(ctx, app.Purse{Wallet: w.Name, Chain: chain}, app.ReceiveRequest{})
		if err != nil {
			return nil, err
		}
		out[chain] = a.Address
	}
	return out, nil
}
