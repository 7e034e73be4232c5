package ui

import (
	"context"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/layeredpow/lamina/internal/app"
)

// feeSlider chooses a fee rate in the range that is known.
type feeSlider struct {
	ui      *UI
	content *fyne.Container
	slider  *slider
	now     *widget.Label
	source  *widget.Label

	fees     app.Fees
	chain    string
	rate     int64  // 0: what is usual
	change   func() // a rate was chosen
	relayout func() // the texts changed
	asking   inquiry
}

func newFeeSlider(u *UI, change, relayout func()) *feeSlider {
	f := &feeSlider{ui: u, now: body(""), source: caption(""), change: change, relayout: relayout}
	f.slider = newSlider(0, 1, 0.01, func(v float64) {
		if f.fees.Chain != "" {
			f.rate = int64(math.Round(float64(f.fees.Low) * math.Pow(float64(f.fees.High)/float64(f.fees.Low), v)))
			f.say()
			f.change()
		}
	})
	f.content = stack(-overlap, caption(u.t("Fee")), inset(f.slider), f.now, f.source)
	return f
}

// load asks for the range of a chain; what was chosen stays.
func (f *feeSlider) load(chain string) {
	if chain != f.chain {
		f.asking.drop()
		f.chain, f.fees, f.rate = chain, app.Fees{}, 0
	}
	f.asking.renew(f.ask)
}

// ask asks for the range.
func (f *feeSlider) ask() {
	b, chain := f.ui.session.backend, f.chain
	if b == nil {
		return
	}
	ask(f.ui, &f.asking, func(ctx context.Context) (app.Fees, error) { return b.Fees(ctx, chain) }, func(fees app.Fees, err error) {
		if err != nil || fees.Low < 1 || fees.High < fees.Low {
			f.now.SetText(f.ui.t("Fees: not known yet"))
			f.slider.Disable()
			f.relayout()
			return
		}
		f.fees = fees
		f.slider.Enable()
		if f.rate == 0 {
			on := f.slider.OnChanged
			f.slider.OnChanged = nil
			f.slider.SetValue(f.place(fees.Normal))
			f.slider.OnChanged = on
		}
		f.say()
	})
}

// place returns where a rate lies on the slider.
func (f *feeSlider) place(rate int64) float64 {
	if f.fees.High == f.fees.Low {
		return 0
	}
	return math.Log(float64(rate)/float64(f.fees.Low)) / math.Log(float64(f.fees.High)/float64(f.fees.Low))
}

func (f *feeSlider) say() {
	rate := f.rate
	if rate == 0 {
		rate = f.fees.Normal
	}
	now, source := f.ui.texts.FeeRange(&f.fees, rate)
	f.now.SetText(now)
	f.source.SetText(source)
	f.relayout()
}
