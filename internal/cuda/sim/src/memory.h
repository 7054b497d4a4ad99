// Memory of the device. Device pointers are addresses of the host in one reserved
// range, and none is given out twice.
#pragma once
#include "warp.h"

// A Race says which blocks wrote and read a few bytes. Blocks are numbered through all
// launches, so that what an earlier launch did needs no clearing.
struct Race {
	u32 writer, reader;
};
const u32 SEVERAL_BLOCKS = 1u << 31; // bit of reader

struct Allocation {
	u64 address, bytes;
	u8* written; // a byte each: whether it has a value
	Race* races; // as many as bytes at the finest
	Context* owner;
	bool module; // a variable of a module
};

// allocate returns memory without a value, or nullptr if there is none left.
const Allocation* allocate(Context* owner, u64 bytes, bool module);
// release gives memory back. It returns whether there was an allocation at the address.
bool release(Context* owner, u64 address);
// find returns the allocation with an address in it, of that context, or nullptr.
const Allocation* find(const Context* owner, u64 address);
// liveBytes and liveAllocations tell what was allocated and not given back.
u64 liveBytes();
u64 liveAllocations();
void releaseAll(Context* owner);
// freshBlocks returns the number of the first block of a launch with n of them.
u32 freshBlocks(u64 n);
// setWritten says that bytes have a value, or none.
void setWritten(const Allocation* a, u64 address, u64 bytes, bool yes);

char* globalAt(Warp& w, int lane, u64 address, int size, bool write, const char* what);
// placeAt returns the place of bytes in any space.
char* placeAt(Warp& w, int lane, int space, u64 address, int size, bool write, const char* what);

// getRegister and setRegister are the number of one lane in a register of a width in bytes.
INLINE u64 getRegister(Warp& w, u32 slot, int width, int lane) {
	return width == 4 ? R<u32>(w, slot)[lane] : width == 8 ? R<u64>(w, slot)[lane] : R<u16>(w, slot)[lane];
}
INLINE void setRegister(Warp& w, u32 slot, int width, int lane, u64 v) {
	if (width == 4) R<u32>(w, slot)[lane] = (u32)v;
	else if (width == 8) R<u64>(w, slot)[lane] = v;
	else R<u16>(w, slot)[lane] = (u16)v;
}
