package filter

// setLanes turns the vector code on or off.
func setLanes(on bool) { hasLanes = on }
