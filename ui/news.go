package ui

// OnNews has told called, on whatever goroutine, whenever something is handed to the UI goroutine. It
// is set before Show.
func (u *UI) OnNews(told func()) {
	queue := u.do
	u.do = func(f func()) {
		told()
		queue(f)
	}
}

// Busy says whether an action runs whose progress may be moving on the screen.
func (u *UI) Busy() bool { return u.pending > 0 }
