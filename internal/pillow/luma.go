package pillow

// Luma is the gray of a color, 0.299 R + 0.587 G + 0.114 B (ITU-R 601-2) in fixed point.
func Luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 0x8000) >> 16)
}
