/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.  Extent roots have numbers that tell them apart and nothing else;
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
	TP_PROTO(u8 mode, u64 root),
	TP_ARGS(mode, root),
	TP_STRUCT__entry(
		__field(u8, mode)
		__field(u64, root)
	),
	TP_fast_assign(
		__entry->mode = mode;
		__entry->root = root;
	),
	TP_printk("mode=%s root=%llu", show_mode(__entry->mode), __entry->root)
);

/* A handle was opened. */
DEFINE_EVENT(fscrypt_extent_handle, fscrypt_extent_open,
	TP_PROTO(u8 mode, u64 root),
	TP_ARGS(mode, root)
);

/* A handle is being closed. */
DEFINE_EVENT(fscrypt_extent_handle, fscrypt_extent_close,
	TP_PROTO(u8 mode, u64 root),
	TP_ARGS(mode, root)
);

DECLARE_EVENT_CLASS(fscrypt_extent_slot,
	TP_PROTO(u8 mode, u64 root, u32 slot),
	TP_ARGS(mode, root, slot),
	TP_STRUCT__entry(
		__field(u8, mode)
		__field(u64, root)
		__field(u32, slot)
	),
	TP_fast_assign(
		__entry->mode = mode;
		__entry->root = root;
		__entry->slot = slot;
	),
	TP_printk("mode=%s root=%llu slot=%u", show_mode(__entry->mode),
		  __entry->root, __entry->slot)
);

/* No slot has the key: this one is going to get it. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_miss,
	TP_PROTO(u8 mode, u64 root, u32 slot),
	TP_ARGS(mode, root, slot)
);

/* A key of this root made room for another. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_evict,
	TP_PROTO(u8 mode, u64 root, u32 slot),
	TP_ARGS(mode, root, slot)
);

/* A key of this root, whose last handle was closed, has been wiped. */
DEFINE_EVENT(fscrypt_extent_slot, fscrypt_extent_wipe,
	TP_PROTO(u8 mode, u64 root, u32 slot),
	TP_ARGS(mode, root, slot)
);

#endif /* _FSCRYPT_EXTENT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
