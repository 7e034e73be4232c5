package ui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	base "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/ui/present"
)

// walletCard keeps the wallet: locking, password, backup and labels.
type walletCard struct {
	ui       *UI
	panel    *panel
	bar      *purseBar
	state    *widget.Label
	inner    *fyne.Container
	lock     *button
	idle     *choice
	tasks    []*task
	words    *widget.Label // shown on request
	mend     *button
	accounts *button // there where the wallet lacks chains
	progress *progress
	relayout func()
}

// task is a part that is folded away until it is wanted.
type task struct {
	button *button
	body   *fyne.Container
	fields []*field
}

// unlockChoices are the minutes that a wallet may stay unlocked.
var unlockChoices = []int{0, 5, 15, 60}

func newWalletCard(u *UI) *walletCard {
	w := &walletCard{ui: u, bar: newPurseBar(u), state: body(""), words: value("", true), relayout: func() {}}
	w.words.Wrapping, w.words.Selectable = fyne.TextWrapOff, false
	w.words.Hide()
	w.lock = newButton(u, u.t("Lock now"), u.lock)
	w.idle = newChoice(nil, nil)
	for _, minutes := range unlockChoices {
		text := u.t("ask every time")
		if minutes > 0 {
			text = u.t("until idle for {{.N}} minutes", map[string]any{"N": minutes})
		}
		w.idle.Options = append(w.idle.Options, text)
		if minutes == u.unlockMinutes() {
			w.idle.Selected = text
		}
	}
	w.idle.OnChanged = func(string) { u.app.Preferences().SetInt(unlockKey, unlockChoices[max(0, w.idle.SelectedIndex())]) }
	w.progress = newProgress(u, func() { w.relayout() })
	w.mend = newButton(u, u.t("Use the copy of the key file"), w.restoreFile)
	another := newIconButton(u, u.t("Another wallet"), base.ContentAddIcon(), func() { u.first.begin() })
	labels := newTiles(newButton(u, u.t("Export labels"), w.exportLabels), newButton(u, u.t("Import labels"), w.importLabels))
	parts := []fyne.CanvasObject{inset(container.NewHBox(w.lock)), asked(u.t("After the password the wallet stays unlocked"), w.idle)}
	for _, t := range []*task{w.newPassword(), w.newBackup(), w.newCheck(), w.newGap(), w.newAccounts()} {
		w.tasks = append(w.tasks, t)
		parts = append(parts, inset(t.button), t.body)
	}
	w.inner = stack(gap/2, append(parts, inset(labels))...)
	w.panel = newPanel(stack(gap/2, strong(u.t("Wallet")), inset(w.bar.content), w.state, inset(w.mend), w.progress.content,
		inset(w.words), w.inner, inset(container.NewHBox(another))))
	w.refresh()
	return w
}

// newTask folds fields and a button away below a button.
func (w *walletCard) newTask(name string, do string, act func(fields []*field), fields []*field, more ...fyne.CanvasObject) *task {
	t := &task{fields: fields, body: container.New(&column{gap: 4})}
	for i, f := range fields {
		t.body.Objects = append(t.body.Objects, inset(f))
		f.OnSubmitted = func(string) {
			if i+1 < len(fields) {
				w.ui.window.Canvas().Focus(fields[i+1])
				return
			}
			act(fields)
		}
	}
	t.body.Objects = append(append(t.body.Objects, more...), inset(container.NewHBox(newButton(w.ui, do, func() { act(fields) }))))
	t.body.Hide()
	t.button = newIconButton(w.ui, name, base.MenuExpandIcon(), func() {
		open := !t.body.Visible()
		w.hide()
		show(t.body, open)
		if open {
			w.ui.window.Canvas().Focus(fields[0])
		}
		w.relayout()
	})
	t.button.Alignment = widget.ButtonAlignLeading
	return t
}

// hide folds everything away, and forgets what was typed and shown.
func (w *walletCard) hide() {
	for _, t := range w.tasks {
		t.body.Hide()
		for _, f := range t.fields {
			f.SetText("")
		}
	}
	w.words.SetText("")
	w.words.Hide()
	w.relayout()
}

// refresh says what the wallet is.
func (w *walletCard) refresh() {
	w.bar.refresh()
	now := w.ui.session.wallet()
	show(w.inner, now != nil && now.Trouble == "")
	show(w.mend, now != nil && now.Trouble != "")
	if now == nil {
		w.state.SetText(w.ui.t("No wallet yet"))
		return
	}
	w.state.SetText(w.ui.texts.Wallet(now))
	show(w.accounts, len(w.ui.session.missing()) > 0 && !now.WatchOnly)
	if now.Unlocked {
		w.lock.Enable()
	} else {
		w.lock.Disable()
	}
}

func (w *walletCard) newPassword() *task {
	u, hint := w.ui, caption("")
	fields := []*field{newPassword(u, u.t("Password of the wallet")), newPassword(u, u.t("New password")),
		newPassword(u, u.t("The same once more"))}
	fields[1].OnChanged = func(typed string) {
		_, text := u.texts.Strength(typed)
		hint.SetText(text)
		w.relayout()
	}
	return w.newTask(u.t("Change the password"), u.t("Change it now"), func(f []*field) {
		if f[1].Text == "" || f[1].Text != f[2].Text {
			w.progress.warn(u.t("The two are not the same."), u.t("Type both again."))
			return
		}
		b, name, old, next := u.session.backend, u.session.purse.Wallet, f[0].take(), f[1].take()
		w.hide()
		attemptWhole(w.progress, u.t("Locking the keys anew\u2026"), does(func(ctx context.Context) error {
			defer old.Wipe()
			defer next.Wipe()
			return b.ChangePassword(ctx, name, old, next)
		}), func(nothing) { w.progress.done(u.t("The new password holds from now on.")) })
	}, fields, hint)
}

func (w *walletCard) newBackup() *task {
	u := w.ui
	return w.newTask(u.t("Show the words"), u.t("Show them"), func(f []*field) {
		b, name, password := u.session.backend, u.session.purse.Wallet, f[0].take()
		w.hide()
		attempt(w.progress, u.t("Checking the password\u2026"), func(ctx context.Context) (app.Backup, error) {
			defer password.Wipe()
			return b.Backup(ctx, name, password)
		}, func(backup app.Backup) {
			if len(backup.Words) == 0 {
				w.progress.warn(u.t("This wallet has no words."), u.t("Keep a copy of its key file instead."))
				return
			}
			w.words.SetText(present.Numbered(strings.Fields(string(backup.Words))))
			w.words.Show()
			w.progress.done(u.texts.BackupNote(&backup))
			backup.Words.Wipe()
			backup.Text.Wipe()
		})
	}, []*field{newPassword(u, u.t("Password of the wallet"))}, caption(u.t("See that nobody looks on. Escape hides them.")))
}

func (w *walletCard) newCheck() *task {
	u := w.ui
	fields := []*field{newPassword(u, u.t("words, with spaces")), newPassword(u, u.t("passphrase, if there is one"))}
	return w.newTask(u.t("Check the backup"), u.t("Check it now"), func(f []*field) {
		b, name, words, passphrase := u.session.backend, u.session.purse.Wallet, f[0].take(), f[1].take()
		w.hide()
		attempt(w.progress, u.t("Comparing\u2026"), func(ctx context.Context) (app.BackupCheck, error) {
			defer words.Wipe()
			defer passphrase.Wipe()
			return b.CheckBackup(ctx, name, words, passphrase)
		}, func(c app.BackupCheck) {
			if good, text := u.texts.Backup(&c); good {
				w.progress.done(text)
			} else {
				w.progress.warn(text, "")
			}
		})
	}, fields, caption(u.t("Type the words from the paper, to see that it is right.")))
}

// leastGap and mostGap bound how deep that addresses are looked for (app.Wallets.SetGap).
const leastGap, mostGap = 20, 10_000

func (w *walletCard) newGap() *task {
	u := w.ui
	return w.newTask(u.t("Scan deeper"), u.t("Scan now"), func(f []*field) {
		gap, err := strconv.ParseUint(strings.TrimSpace(f[0].Text), 10, 32)
		if err != nil || gap < leastGap || gap > mostGap {
			w.progress.warn(u.t("How many: a number from {{.Least}} to {{.Most}}.", map[string]any{"Least": leastGap,
				"Most": mostGap}), "")
			return
		}
		b, p := u.session.backend, u.session.purse
		w.hide()
		attempt(w.progress, u.t("Keeping it\u2026"), does(func(ctx context.Context) error {
			return b.SetGap(ctx, p,
				uint32(gap))
		}), func(nothing) {
			w.progress.done(u.t("It is being looked for. The strip below says how far it is."))
		})
	}, []*field{newField(u, "100",
		nil)}, caption(u.t("Money is missing after restoring? Look for this many unused addresses behind the last used one.")))
}

// newAccounts gives the wallet what it lacks to use every chain of the stack.
func (w *walletCard) newAccounts() *task {
	u := w.ui
	t := w.newTask(u.t("Use more chains"), u.t("Add them"), func(f []*field) {
		b, name, missing, password := u.session.backend, u.session.purse.Wallet, u.session.missing(), f[0].take()
		w.hide()
		attemptWhole(w.progress, u.t("Making keys\u2026"), func(ctx context.Context) (app.Wallet, error) {
			defer password.Wipe()
			return b.AddChains(ctx, name, password, missing)
		}, func(app.Wallet) {
			w.progress.done(u.t("The wallet has an account on every chain that is followed."))
			u.reload(nil)
		})
	}, []*field{newPassword(u, u.t("Password of the wallet"))},
		caption(u.t("Some chains that are followed are unknown to this wallet. It gets an account on each, from the same words.")))
	w.accounts = t.button
	return t
}

func (w *walletCard) restoreFile() {
	b, name := w.ui.session.backend, w.ui.session.purse.Wallet
	if now := w.ui.session.wallet(); now != nil {
		name = now.Name
	}
	attempt(w.progress, w.ui.t("Reading the copy\u2026"), func(ctx context.Context) (app.Wallet,
		error) {
		return b.RestoreFile(ctx, name)
	}, func(app.Wallet) { w.ui.reload(nil) })
}

func (w *walletCard) exportLabels() {
	b, p := w.ui.session.backend, w.ui.session.purse
	w.ui.saveFile(p.Wallet+"-"+p.Chain+"-labels.jsonl", w.progress, w.ui.t("Writing the labels\u2026"),
		func(ctx context.Context, to io.Writer) error {
			return b.ExportLabels(ctx, p, to)
		})
}

// maxLabels is the most of a label file that is read, in bytes.
const maxLabels = 64 << 20

func (w *walletCard) importLabels() {
	b, p := w.ui.session.backend, w.ui.session.purse
	w.ui.openFile(func(r fyne.URIReadCloser) {
		attempt(w.progress, w.ui.t("Reading the labels\u2026"), func(ctx context.Context) (app.Imported, error) {
			defer r.Close()
			src, err := io.ReadAll(io.LimitReader(r, maxLabels+1))
			if err == nil && len(src) > maxLabels {
				err = fmt.Errorf("%s: more than %d bytes", r.URI().Name(), maxLabels)
			}
			if err != nil {
				return app.Imported{}, err
			}
			return b.ImportLabels(ctx, p, bytes.NewReader(src))
		}, func(i app.Imported) { w.progress.done(w.ui.texts.Labels(&i)) })
	})
}
