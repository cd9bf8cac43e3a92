/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.  Extent PRKs have numbers that tell them apart and nothing else;
 * slots are counted from 0 in each mode.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fscrypt_extent

#if !defined(_FSCRYPT_EXTENT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FSCRYPT_EXTENT_TRACE_H

#include <linux/fscrypt.h>
#include <linux/tracepoint.h>

#define show_mode(mode) __print_symbolic(mode,				\
	{ FSCRYPT_MODE_AES_256_XTS,	"AES-256-XTS" },		\
	{ FSCRYPT_MODE_AES_128_CBC,	"AES-128-CBC-ESSIV" },		\
	{ FSCRYPT_MODE_SM4_XTS,		"SM4-XTS" },			\
	{ FSCRYPT_MODE_ADIANTUM,	"Adiantum" })

DECLARE_EVENT_CLASS(fscrypt_extent_handle,
	TP_PROTO(u8 mode, u64 prk),
	TP_ARGS(mode, prk),
	TP_STRUCT__entry(
		__field(u8, mode)
		__field(u64, prk)
	),
	TP_fast_assign(
		__entry->mode = mode;
		__entry->prk = prk;
	),
	TP_printk("mode=%s prk=%llu", show_mode(__entry->mode), __entry->prk)
);

/* A handle was opened. */
DEFINE_EVENT(fscrypt_extent_handle, fscrypt_extent_open,
	TP_PROTO(u8 mode, u64 prk),
	TP_ARGS(mode, prk)
);

/* A handle is being closed. */
DEFINE_EVENT(fscrypt_extent_handle, fscrypt_extent_close,
	TP_PROTO(u8 mode, u64 prk),
	TP_ARGS(mode, prk)
);

DECLARE_EVENT_CLASS(fscrypt_extent_slot,
	TP_PROTO(u8 mode, u64 prk, u32 slot),
	TP_ARGS(mode, prk, slot),
	TP_STRUCT__entry(
		__field(u8, mode)
		__field(u64, prk)
		__field(u32, slot)
	),
	TP_fast_assign(
		__entry->mode = mode;
		__entry->prk = prk;
		__entry->slot = slot;
	),
	TP_printk("mode=%s prk=%llu slot=%u", show_mode(__entry->mode),
		  __entry->prk, __entry->slot)
);

/* No slot has the key: this one is going to get it. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_miss,
	TP_PROTO(u8 mode, u64 prk, u32 slot),
	TP_ARGS(mode, prk, slot)
);

/* A key of this extent PRK made room for another. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_evict,
	TP_PROTO(u8 mode, u64 prk, u32 slot),
	TP_ARGS(mode, prk, slot)
);

/* A key of this extent PRK, whose last handle was closed, has been wiped. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_wipe,
	TP_PROTO(u8 mode, u64 prk, u32 slot),
	TP_ARGS(mode, prk, slot)
);

#endif /* _FSCRYPT_EXTENT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
