//go:build flows

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// The flows of .ci/flows: the program as it is, driven by key and mouse events of the X server.
// Where things are it tells itself: on each line of its standard input it writes what its
// window shows as JSON. That is all that is built in, and only into this test.

// flowsApp has this test's program be the app.
const flowsApp = "LAMINA_FLOWS_APP"

func init() {
	if os.Getenv(flowsApp) != "" {
		go tell(os.Stdin, os.Stdout)
		os.Exit(run(os.Args[1:], os.Getenv, os.Stderr, os.Stderr))
	}
}

// thing is something that the window shows.
type thing struct {
	Kind, Text string
	X, Y, W, H float32 // in pixels of the window
	Seen       bool    // its middle is not scrolled away
	Off        bool    // it cannot be pressed
	On         bool    // it is ticked
}

// sight is what a window shows, in the order in which it is read.
type sight struct {
	W, H   float32 // in pixels
	Scale  float32 // pixels of one that does not depend on the device
	Focus  string  // what has the keys: its text, or what it asks for
	Things []thing
}

func tell(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var s sight
		fyne.DoAndWait(func() { s = look(fyne.CurrentApp().Driver().AllWindows()[0].Canvas()) })
		_ = json.NewEncoder(out).Encode(s)
	}
}

func look(c fyne.Canvas) sight {
	scale, size := c.Scale(), c.Size()
	s := sight{W: size.Width * scale, H: size.Height * scale, Scale: scale}
	var walk func(o fyne.CanvasObject, x0, y0, x1, y1 float32)
	walk = func(o fyne.CanvasObject, x0, y0, x1, y1 float32) {
		if o == nil || !o.Visible() {
			return
		}
		at, size := fyne.CurrentApp().Driver().AbsolutePositionForObject(o), o.Size()
		add := func(kind, text string, off bool) {
			mx, my := at.X+size.Width/2, at.Y+size.Height/2
			s.Things = append(s.Things, thing{kind, text, at.X * scale, at.Y * scale, size.Width * scale, size.Height * scale,
				mx >= x0 && mx <= x1 && my >= y0 && my <= y1, off, false})
		}
		clip := func() (float32, float32, float32, float32) {
			return max(x0, at.X), max(y0, at.Y), min(x1, at.X+size.Width), min(y1, at.Y+size.Height)
		}
		if e := within[widget.Entry](o); e != nil {
			add("entry", e.Text+"\n"+e.PlaceHolder, e.Disabled())
			return
		}
		if b := within[widget.Button](o); b != nil {
			add("button", b.Text, b.Disabled())
			return
		}
		if c := within[widget.Check](o); c != nil {
			add("check", c.Text, c.Disabled())
			s.Things[len(s.Things)-1].On = c.Checked
			return
		}
		if c := within[widget.Select](o); c != nil {
			add("select", c.Selected+"\n"+c.PlaceHolder, c.Disabled())
			return
		}
		switch o := o.(type) {
		case *widget.Label:
			add("label", o.Text, false)
		case *canvas.Text:
			add("text", o.Text, false)
		case *fyne.Container:
			for _, child := range o.Objects {
				walk(child, x0, y0, x1, y1)
			}
		case *container.Scroll:
			x0, y0, x1, y1 := clip()
			walk(o.Content, x0, y0, x1, y1)
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				walk(child, x0, y0, x1, y1)
			}
		}
	}
	top := c.Overlays().Top()
	if top == nil {
		top = c.Content()
	}
	walk(top, 0, 0, size.Width, size.Height)
	s.Focus = named(c.Focused())
	return s
}

// named says what something is called that can have the keys.
func named(f fyne.Focusable) string {
	switch o := f.(type) {
	case nil:
		return ""
	case fyne.Accessible:
		return o.AccessibilityLabel()
	case fyne.CanvasObject:
		if e := within[widget.Entry](o); e != nil {
			return e.PlaceHolder
		}
		if b := within[widget.Button](o); b != nil {
			return b.Text
		}
		if c := within[widget.Check](o); c != nil {
			return c.Text
		}
		if s := within[widget.Select](o); s != nil {
			return s.Selected
		}
	}
	return fmt.Sprintf("%T", f)
}

// within returns the widget of a kind that something is, or is made of.
func within[T any](o fyne.CanvasObject) *T {
	if w, ok := any(o).(*T); ok {
		return w
	}
	if v := reflect.ValueOf(o); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if f := v.Elem().FieldByName(reflect.TypeFor[T]().Name()); f.IsValid() && f.Type() == reflect.TypeFor[T]() {
			return f.Addr().Interface().(*T)
		}
	}
	return nil
}

// hand is somebody before the window of one program.
type hand struct {
	t      *testing.T
	cmd    *exec.Cmd
	window string
	in     io.WriteCloser
	out    *bufio.Reader
	shots  string
	left   int // of the window on the screen
}

// patienceFlows is how long something may take to appear.
const patienceFlows = 2 * time.Minute

// sit starts the program in a window of w by h pixels, so far from the left of the screen.
func sit(t *testing.T, env []string, left, w, h int, args ...string) *hand {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv("LAMINA_FLOWS_SHOTS")
	if shots == "" {
		t.Skip("LAMINA_FLOWS_SHOTS: no folder for the pictures; .ci/flows runs this")
	}
	u := &hand{t: t, cmd: exec.Command(self, args...), shots: shots, left: left}
	u.cmd.Env = append(append(os.Environ(), flowsApp+"=1", "LC_ALL=C", "LANGUAGE=en"), env...)
	u.cmd.Stderr = os.Stderr
	if u.in, err = u.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	u.out = bufio.NewReader(out)
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.stand)
	search := []string{"search", "--sync", "--onlyvisible", "--pid", strconv.Itoa(u.cmd.Process.Pid)}
	if t.Name() == "TestPhone" {
		search = []string{"search", "--sync", "--onlyvisible", "--name", "^App$"} // it does not say whose it is
	}
	u.window = strings.Fields(u.x(search...))[0]
	u.size(w, h)
	return u
}

// stand closes the window and waits for the program.
func (u *hand) stand() {
	if u.cmd.ProcessState != nil {
		return
	}
	_ = u.cmd.Process.Signal(os.Interrupt)
	end := time.AfterFunc(patienceFlows, func() { _ = u.cmd.Process.Kill() })
	_, _ = io.Copy(io.Discard, u.out)
	if err := u.cmd.Wait(); err != nil {
		u.t.Logf("the program ended: %v", err)
	}
	end.Stop()
}

// x runs xdotool.
func (u *hand) x(args ...string) string {
	u.t.Helper()
	out, err := exec.Command("xdotool", args...).CombinedOutput()
	if err != nil {
		u.t.Fatalf("xdotool %s: %v: %s", args, err, out)
	}
	return string(out)
}

// size makes the window w by h pixels and waits until it is.
func (u *hand) size(w, h int) {
	u.t.Helper()
	asked := time.Time{}
	u.until(fmt.Sprintf("a window of %d x %d", w, h), func(s sight) bool {
		if time.Since(asked) > 2*time.Second { // the window manager forgets what comes while it is busy
			u.x("windowmove", u.window, strconv.Itoa(u.left), "0")
			u.x("windowsize", u.window, strconv.Itoa(w), strconv.Itoa(h))
			asked = time.Now()
		}
		return int(s.W+0.5) >= w-1 && int(s.W) <= w+1 && int(s.H+0.5) >= h-1 && int(s.H) <= h+1
	})
}

func (u *hand) see() (s sight) {
	u.t.Helper()
	if _, err := io.WriteString(u.in, "\n"); err != nil {
		u.t.Fatal(err)
	}
	line, err := u.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		u.t.Fatalf("what the window shows: %v: %s", err, line)
	}
	return s
}

// until waits until the window is as wanted.
func (u *hand) until(what string, is func(sight) bool) sight {
	u.t.Helper()
	return u.untilIn(patienceFlows, what, is)
}

// untilIn is until with a patience of its own.
func (u *hand) untilIn(patience time.Duration, what string, is func(sight) bool) sight {
	u.t.Helper()
	for end := time.Now().Add(patience); ; {
		s := u.see()
		if is(s) {
			return s
		}
		if time.Now().After(end) {
			u.shot("failed-" + strings.NewReplacer("/", "-", " ", "-").Replace(u.t.Name()))
			u.t.Fatalf("waited for %s; there is\n%s", what, s.words())
		}
		time.Sleep(50 * time.Millisecond) // it is asked again and again
	}
}

func (s sight) words() string {
	var b strings.Builder
	for _, o := range s.Things {
		fmt.Fprintf(&b, "%s %q seen %v off %v\n", o.Kind, o.Text, o.Seen, o.Off)
	}
	return b.String()
}

// plain makes the spaces within amounts common ones.
var plain = strings.NewReplacer("\u202f", " ", "\u00a0", " ")

func (s sight) find(kind, text string) *thing {
	for i, o := range s.Things {
		if o.Kind == kind && (text == "" || strings.Contains(plain.Replace(o.Text), text)) {
			return &s.Things[i]
		}
	}
	return nil
}

// exact returns what has this text alone.
func (s sight) exact(kind, text string) *thing {
	for i, o := range s.Things {
		if o.Kind == kind && o.Text == text {
			return &s.Things[i]
		}
	}
	return nil
}

// after returns the first of a kind after a label.
func (s sight) after(label, kind string) *thing {
	passed := false
	for i, o := range s.Things {
		switch {
		case o.Kind == kind && passed:
			return &s.Things[i]
		case o.Kind == "label" && o.Text == label:
			passed = true
		}
	}
	return nil
}

// shows waits for a text.
func (u *hand) shows(text string) {
	u.t.Helper()
	u.showsIn(patienceFlows, text)
}

func (u *hand) showsIn(patience time.Duration, text string) {
	u.t.Helper()
	u.untilIn(patience, fmt.Sprintf("%q", text), func(s sight) bool {
		for _, kind := range []string{"label", "text", "button", "check"} {
			if s.find(kind, text) != nil {
				return true
			}
		}
		return false
	})
}

// press clicks on what pick finds, once it is there, in sight and able to be pressed.
func (u *hand) press(what string, pick func(sight) *thing) {
	u.t.Helper()
	var last thing
	u.until(what, func(s sight) bool {
		o := pick(s)
		if o == nil || o.Off {
			return false
		}
		if !o.Seen {
			wheel := "5"
			if o.Y < s.H/3 {
				wheel = "4"
			}
			u.x("mousemove", "--window", u.window, num(s.W*0.97), num(s.H/2), "click", "--repeat", "3", "--delay", "10", wheel)
			last = thing{}
			return false
		}
		still := *o == last
		last = *o
		return still // nothing moves any more
	})
	u.x("mousemove", "--window", u.window, num(last.X+last.W/2), num(last.Y+last.H/2), "click", "1")
}

func num(f float32) string { return strconv.Itoa(int(f)) }

// click presses the button, link or text of this name.
func (u *hand) click(text string) {
	u.t.Helper()
	u.press(fmt.Sprintf("a button %q", text), func(s sight) *thing {
		for _, kind := range []string{"button", "check", "text", "label"} {
			if o := s.exact(kind, text); o != nil {
				return o
			}
		}
		return s.find("button", text)
	})
}

// fill types a text into the entry below a label, or the one with this placeholder.
func (u *hand) fill(label, text string) {
	u.t.Helper()
	pick := func(s sight) *thing {
		if o := s.after(label, "entry"); o != nil {
			return o
		}
		return s.find("entry", label)
	}
	u.enter(text, pick, func() { u.press(fmt.Sprintf("an entry %q", label), pick) })
}

// enter types a text into the entry that focus turns to. Where the page moved meanwhile it tries again.
func (u *hand) enter(text string, pick func(sight) *thing, focus func()) {
	u.t.Helper()
	for range 3 {
		focus()
		u.key("ctrl+a")
		u.key("BackSpace")
		u.typed(text)
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); { // keys arrive when they do
			if o := pick(u.see()); o != nil && strings.HasPrefix(o.Text, text+"\n") {
				return
			}
		}
	}
	u.t.Fatalf("%q could not be typed", text)
}

// typed types a text where the focus is.
func (u *hand) typed(text string) {
	u.t.Helper()
	u.x("windowfocus", u.window, "type", "--delay", "4", "--", text)
}

// choose takes an option of the select below a label.
func (u *hand) choose(label, option string) {
	u.t.Helper()
	u.press(fmt.Sprintf("a select %q", label), func(s sight) *thing { return s.after(label, "select") })
	u.press(fmt.Sprintf("an option %q", option), func(s sight) *thing { return s.exact("text", option) })
}

func (u *hand) key(keys ...string) {
	u.t.Helper()
	u.x(append([]string{"windowfocus", u.window, "key", "--delay", "15"}, keys...)...)
}

// shot keeps a picture of the window, once it has been drawn.
func (u *hand) shot(name string) {
	u.t.Helper()
	u.see()
	time.Sleep(250 * time.Millisecond) // a few frames
	path := filepath.Join(u.shots, name+".png")
	script := fmt.Sprintf("xwd -silent -id %s | convert xwd:- -strip %s", u.window, path)
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		u.t.Fatalf("%s: %v: %s", script, err, out)
	}
}
