package theme

import (
	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// In is the icon of money that comes in.
func In() fyne.Resource { return base.NewSuccessThemedResource(base.MoveDownIcon()) }

// Out is the icon of money that goes out.
func Out() fyne.Resource { return base.NewThemedResource(base.MoveUpIcon()) }
