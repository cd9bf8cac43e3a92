/* SPDX-License-Identifier: GPL-2.0-only */

#ifndef BTRFS_INLINE_CRYPT_H
#define BTRFS_INLINE_CRYPT_H

#include <linux/types.h>

struct btrfs_bio;
struct btrfs_device;
struct btrfs_fs_info;
struct file;
struct super_block;

#ifdef CONFIG_FS_ENCRYPTION

struct file *btrfs_get_inline_crypt_device(struct super_block *sb);

bool btrfs_can_inline_crypt(const struct btrfs_bio *bbio);
bool btrfs_set_inline_crypt(struct btrfs_bio *bbio, const struct btrfs_device *dev);
void btrfs_put_inline_key(struct btrfs_bio *bbio, const struct btrfs_device *dev);

void btrfs_open_inline_keys(struct btrfs_fs_info *fs_info, struct btrfs_device *device);
void btrfs_open_all_inline_keys(struct btrfs_fs_info *fs_info);
void btrfs_close_inline_keys(struct btrfs_device *device);

#else

static inline bool btrfs_can_inline_crypt(const struct btrfs_bio *bbio)
{
	return false;
}

static inline bool btrfs_set_inline_crypt(struct btrfs_bio *bbio,
					  const struct btrfs_device *dev)
{
	return false;
}

static inline void btrfs_put_inline_key(struct btrfs_bio *bbio,
					const struct btrfs_device *dev)
{
}

static inline void btrfs_open_inline_keys(struct btrfs_fs_info *fs_info,
					  struct btrfs_device *device)
{
}

static inline void btrfs_open_all_inline_keys(struct btrfs_fs_info *fs_info)
{
}

static inline void btrfs_close_inline_keys(struct btrfs_device *device)
{
}

#endif

#endif
