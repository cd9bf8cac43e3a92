// SPDX-License-Identifier: GPL-2.0-only

#include <crypto/skcipher.h>
#include <crypto/utils.h>
#include <linux/siphash.h>
#include <linux/string.h>

#if IS_ENABLED(CONFIG_FS_ENCRYPTION_EXTENT)
