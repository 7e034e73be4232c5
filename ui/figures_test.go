//go:build flows

package ui

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// figuresMark has this test's program show a window and measure it: a real one, with 100,000
// payments behind it. Its value is "empty" for a window of Fyne's with nothing but a word in it.
const figuresMark = "LAMINA_FIGURES"

func init() {
	if what := os.Getenv(figuresMark); what != "" {
		measureWindow(what == "empty")
		os.Exit(0)
	}
}

func measureWindow(empty bool) {
	fyneapp.SetMetadata(fyne.AppMetadata{ID: "org.layeredpow.lamina.figures", Migrations: map[string]bool{"fyneDo": true}}) // as the program's
	a := fyneapp.New()
	if empty {
		w := a.NewWindow("empty")
		w.SetContent(widget.NewLabel("empty"))
		w.Resize(fyne.NewSize(1280, 800))
		w.Show()
		a.Lifecycle().SetOnStarted(func() { go func() { sayIdle(); fyne.Do(a.Quit) }() })
		a.Run()
		return
	}
	debug.SetGCPercent(50) // as the program does
	rules, err := app.Open(app.Options{})
	if err != nil {
		panic(err)
	}
	m := newMoney()
	m.rows, m.coins, m.journeys, m.node = 100_000, 50, 3, runningNode()
	m.config.Stack = "dev"
	u := New(a, &fake{App: rules}, m)
	u.window.Resize(fyne.NewSize(1280, 800))
	u.Show()
	a.Lifecycle().SetOnStarted(func() {
		go func() {
			u.measure(m)
			fyne.Do(a.Quit)
		}()
	})
	a.Run()
	u.Close()
}

func (u *UI) measure(m *money) {
	frames(1, func(int) {})
	fmt.Printf("first frame: %d ms after the process began\n", sinceStart().Milliseconds())
	sayIdle()
	u.show(activityAt)
	list := u.activity.list
	fmt.Println("activity, 100000 rows:", frames(300, func(i int) { list.ScrollToOffset(float32(i * 60)) }))
	fmt.Println("activity, far jumps:", frames(120, func(i int) { list.ScrollTo(i * 800) }))
	fmt.Printf("RSS with 100000 payments, scrolled: %d MiB\n", rss())
	m.note(func() { m.coins = 100_000 })
	u.show(coinsAt)
	fmt.Println("coins, 100000 rows:", frames(300, func(i int) { u.coins.list.ScrollToOffset(float32(i * 60)) }))
	fmt.Printf("RSS with 100000 coins: %d MiB\n", rss())
	m.note(func() { m.coins = 50 })
	u.show(coinsAt)
	for i := range 10_001 {
		fyne.DoAndWait(func() { u.frame.open(i % moreAt) })
		if i%7 == 0 { // every screen is drawn, and not every time
			frames(1, func(int) {})
		}
		if i%2_000 == 0 {
			fmt.Printf("RSS after %d screen changes: %d MiB; %.0f s of processor time\n", i, rss(), spent().Seconds())
		}
	}
	sayIdle()
}

// show opens a screen and lets it ask.
func (u *UI) show(at int) {
	fyne.DoAndWait(func() { u.frame.open(at) })
	for waiting := true; waiting; {
		frames(2, func(int) {})
		fyne.DoAndWait(func() { waiting = u.pending > 0 })
	}
}

// frames does something before each of n frames, and tells how fast they came.
func frames(n int, do func(i int)) string {
	var at []time.Time
	var from, to time.Duration
	done := make(chan struct{})
	var move *fyne.Animation
	i := 0
	move = &fyne.Animation{Duration: time.Hour, RepeatCount: fyne.AnimationRepeatForever, Curve: fyne.AnimationLinear, Tick: func(float32) {
		if i > n {
			return
		}
		if i == 0 {
			from = spent()
		}
		if at = append(at, time.Now()); i == n {
			to = spent()
			move.Stop()
			close(done)
		} else {
			do(i)
		}
		i++
	}}
	fyne.Do(move.Start)
	<-done
	var gaps []time.Duration
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i].Sub(at[i-1]))
	}
	slices.Sort(gaps)
	// The processor's time says what a frame costs on a machine that others use, too: 20 ms allow 50 frames a second on one core.
	return fmt.Sprintf("%.1f frames a second, 95 of 100 within %.1f ms, %.1f ms of processor time each",
		float64(n)/at[n].Sub(at[0]).Seconds(), float64(gaps[len(gaps)*95/100].Microseconds())/1000,
		float64((to-from).Microseconds())/1000/float64(n))
}

func sayIdle() {
	time.Sleep(3 * time.Second) // what the start left behind ends
	before, from := spent(), time.Now()
	time.Sleep(10 * time.Second) // this is what is measured
	fmt.Printf("idle: %.2f %% of a processor, RSS %d MiB\n", 100*(spent()-before).Seconds()/time.Since(from).Seconds(), rss())
}

func spent() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func rss() int {
	src, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(src), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n >> 10
}

// sinceStart is how old the process is.
func sinceStart() time.Duration {
	src, _ := os.ReadFile("/proc/self/stat")
	fields := strings.Fields(string(src)[strings.LastIndex(string(src), ")")+1:])
	ticks, _ := strconv.ParseInt(fields[19], 10, 64) // of 10 ms, since the machine began
	up, _ := os.ReadFile("/proc/uptime")
	age, _ := strconv.ParseFloat(strings.Fields(string(up))[0], 64)
	return time.Duration((age - float64(ticks)/100) * float64(time.Second))
}
