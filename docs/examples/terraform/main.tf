# The stack as a Terraform resource: one template stays the source of what is deployed and granted.
# First:  sam build && sam package --s3-bucket BUCKET --output-template-file packaged.yml

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "template_file" {
  description = "What sam package has written"
  type        = string
  default     = "packaged.yml"
}

variable "target_function" {
  description = "Name of the function that consumes the stream, or a pattern"
  type        = string
}

variable "mode" {
  description = "plan: only say what would be changed. apply: change it, within the policy"
  type        = string
  default     = "plan"

  validation {
    condition     = contains(["plan", "apply"], var.mode)
    error_message = "Mode is plan or apply."
  }
}

variable "consumer_role" {
  description = "Name of the consumer's role, which may then send to the quarantine; null for none"
  type        = string
  default     = null
}

variable "parameters" {
  description = "Further parameters of the template, by name"
  type        = map(string)
  default     = {}
}

resource "aws_cloudformation_stack" "remediator" {
  name          = "remediator-${replace(var.target_function, "*", "all")}"
  template_body = file(var.template_file)
  capabilities  = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge({
    TargetFunction = var.target_function
    Mode           = var.mode
  }, var.parameters)
}

resource "aws_iam_role_policy_attachment" "quarantine" {
  count      = var.consumer_role == null ? 0 : 1
  role       = var.consumer_role
  policy_arn = aws_cloudformation_stack.remediator.outputs["QuarantineSendPolicyArn"]
}

# The stream's owner opts in by the tag remediator=managed on the stream's own resource.

output "function_name" {
  description = "For: remediator doctor --remediator-function NAME"
  value       = aws_cloudformation_stack.remediator.outputs["FunctionName"]
}
