// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat-ioctls DIRECTORY - use every encryption ioctl, and the one for flags
 *
 * Prints what each returns and the bytes that it leaves in its argument.  Stands
 * on nolibc, so that it compiles for 32 bits where there is no 32-bit C library.
 */
#include <linux/fs.h>
#include <linux/fscrypt.h>

static void show(const char *name, int ret, const void *argument, int size)
{
	const unsigned char *byte = argument;

	printf("%s: %d, errno %d,", name, ret, ret ? errno : 0);
	for (int i = 0; i < size; i++)
		printf(" %x", byte[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	int fd = open(argv[argc - 1], O_RDONLY | O_DIRECTORY);
	__u64 buffer[(sizeof(struct fscrypt_add_key_arg) + FSCRYPT_MAX_KEY_SIZE) / 8] = {};
	struct fscrypt_add_key_arg *add = (void *)buffer;
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
	};
	struct fscrypt_get_policy_ex_arg policy_ex = {
		.policy_size = sizeof(policy_ex.policy),
	};
	struct fscrypt_policy_v1 policy_v1 = {};
	struct fscrypt_get_key_status_arg status = {};
	struct fscrypt_remove_key_arg remove = {};
	__u8 nonce[16] = {};
	int flags = 0;
	int ret;

	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, &policy_ex);
	show("no policy yet", ret, &policy_ex, 16);

	add->key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	add->raw_size = FSCRYPT_MAX_KEY_SIZE;
	for (int i = 0; i < FSCRYPT_MAX_KEY_SIZE; i++)
		add->raw[i] = i;
	ret = ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, add);
	show("add key", ret, add, sizeof(*add));
	memcpy(policy.master_key_identifier, add->key_spec.u.identifier,
	       FSCRYPT_KEY_IDENTIFIER_SIZE);
	status.key_spec = add->key_spec;
	remove.key_spec = add->key_spec;

	ret = ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, &policy);
	show("set policy", ret, &policy, sizeof(policy));
	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, &policy_ex);
	show("get policy", ret, &policy_ex, sizeof(policy_ex));
	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_POLICY, &policy_v1);
	show("get v1 policy", ret, &policy_v1, sizeof(policy_v1));

	/* It is random. */
	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_NONCE, nonce);
	for (int i = 1; i < 16; i++)
		nonce[0] |= nonce[i];
	show("get nonce", ret, NULL, 0);
	printf("the nonce is %szero\n", nonce[0] ? "not " : "");

	ret = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	show("get flags", ret, &flags, sizeof(flags));
	flags |= FS_NOATIME_FL;
	ret = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	show("set flags", ret, NULL, 0);
	ret = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	show("get flags again", ret, &flags, sizeof(flags));

	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_KEY_STATUS, &status);
	show("status of the key", ret, &status, sizeof(status));
	ret = ioctl(fd, FS_IOC_REMOVE_ENCRYPTION_KEY, &remove);
	show("remove key", ret, &remove, sizeof(remove));
	ret = ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, add);
	show("add key again", ret, add, sizeof(*add));
	ret = ioctl(fd, FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS, &remove);
	show("remove key for all users", ret, &remove, sizeof(remove));
	ret = ioctl(fd, FS_IOC_GET_ENCRYPTION_KEY_STATUS, &status);
	show("status of the removed key", ret, &status, sizeof(status));
	return 0;
}
